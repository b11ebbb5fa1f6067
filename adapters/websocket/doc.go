// Package websocket holds users' sockets with melody over gorilla.
//
// A connection is one session in the Manager's index from before its handshake
// is answered until it is told to go. The session's own mailbox is the only
// queue: one frame at a time is offered to the socket, and the next when that one
// is out, so nothing is dropped behind our back, order is kept, and an idle
// session owns no queue at all. Who brings a message writes it, by a write that
// never waits; only what a socket does not take at once is waited for, by melody's
// writer (see outlet). Time limits (pong, idle, token
// expiry, the wait for a close to be answered) are all read deadlines of the
// one net.Conn, so a session has melody's two goroutines and no timer of ours.
package websocket
