// Package delivery delivers messages to the connections of the users on this node,
// whatever their transport.
//
// A Session is one connection of a user, in the Hub's registry from before its
// handshake is answered until its close begins. Its queue is the only queue: it hands
// one message at a time to the Connection and the next one when that is written, so
// that no message is lost unnoticed, the order is kept, and an idle session has no
// queue. The goroutine that brings a message also writes it if the connection takes
// it without waiting; a session has no goroutine and no timer of its own.
//
// A client that resumes, and one that stays connected during a gap of the
// subscription, gets the missed notifications from the user's log: see replayState.
package delivery
