// Package operators contains what the server needs for the routes below /admin: the guard
// that checks ADMIN_TOKEN, and the answers.
package operators
