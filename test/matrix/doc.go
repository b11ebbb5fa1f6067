// Package matrix tests the gateway's built binary over raw sockets: every
// route, against every way in which its service can fail, with every kind of
// request body. It contains only tests.
package matrix
