// Package websocket serves the users' WebSocket connections with melody over
// gorilla.
//
// A connection is one session in the Manager's registry from before its handshake is
// answered until its close begins. The session's sendQueue is the only queue. It
// hands one message at a time to the socket and the next when that one is written,
// so that no message is dropped unnoticed, the order is kept, and an idle session
// has no queue. The goroutine that brings a message writes it without blocking;
// melody's writer waits only for what the socket does not accept at once (see
// directWriter). All time limits (pong, idle, token expiry, answer to a close frame)
// are read deadlines of the one net.Conn, so that a session has melody's two
// goroutines and no timers.
package websocket
