// Package requestbody owns the body of each HTTP request: who reads it, until when, how
// much, and what becomes of the rest when the handler answers early.
//
// net/http leaves a connection in an unknown state when a handler returns while its body
// is unread or another goroutine still reads it. Middleware wraps every request, so that
// either the body was read to its end, or the answer announces the close of the
// connection and the client has time to read the answer.
package requestbody
