package websocket

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// closeWriteTimeout bounds the writing of a close frame.
	closeWriteTimeout = time.Second
	// flushTimeout bounds how long queued messages may delay a close.
	flushTimeout = 5 * time.Second
)

// socket is the connection of a session. melody reads from it and writes what the
// directWriter could not.
type socket struct {
	manager *Manager
	// session is set when the session is open, before the socket exists.
	session *delivery.Session
	tokens  ports.TokenValidator
	conn    sessionConn
	// peer is set by attach, before anything is written.
	peer          atomic.Pointer[melody.Session]
	closeTimedOut bool        // the peer did not answer the close frame in time
	closeTried    atomic.Bool // sending our close frame was tried
	closeReceived atomic.Bool // the peer's close frame arrived
}

var (
	_ delivery.Connection = (*socket)(nil)
	_ delivery.Checker    = (*socket)(nil)
)

// run serves the connection. It returns when the socket is closed and all resources
// are released.
func (c *socket) run(t *hijackedConn) {
	defer c.manager.Leave()
	c.serve(t)
	c.finish()
}

func (c *socket) serve(t *hijackedConn) {
	defer c.session.Recover()
	// Returns when reading has ended. An error means that the 101 could not be
	// written and attach was not called.
	_ = c.manager.engine.HandleRequest(t, t.request)
}

// attach starts the sending. melody calls it before its writer runs; until then a
// flush request waits in the one slot of melody's queue.
func (c *socket) attach(peer *melody.Session) {
	if !c.manager.config.Compression {
		c.conn.writer.enable(c.conn.Conn, c.manager.buffers)
	}
	peer.Request = nil
	c.peer.Store(peer)
	c.session.Attach()
}

// TrySend writes the message, or lets melody's writer do it, which calls Session.Sent.
func (c *socket) TrySend(f delivery.Frame) (sent bool) {
	sent, flush := c.conn.writer.trySend(f.Payload)
	if !sent {
		_ = c.peer.Load().Write(flush) // fails when the connection ends, which counts its messages
	}
	return sent
}

// Closing counts the close code and limits the time for the queued messages.
func (c *socket) Closing(reason error) {
	c.conn.setCloseDeadline(time.Now().Add(flushTimeout))
	if status := closeFor(reason).Status; status != closecode.None {
		c.manager.observer.Observe(domain.CloseCodeObserved{Transport: domain.TransportWebSocket, Code: int(status)})
	}
}

// Close sends the close frame once. It returns true when the frame is sent, or another
// goroutine sends it. The peer may then still answer.
func (c *socket) Close(reason error) (sent bool) {
	frame, peer := closeFor(reason), c.peer.Load()
	if peer == nil || frame.Status == closecode.None {
		return false
	}
	if !c.closeTried.CompareAndSwap(false, true) {
		return true
	}
	conn := peer.WebsocketConnection()
	err := conn.WriteControl(websocket.CloseMessage, closePayload(frame, c.session.Correlation), time.Now().Add(closeWriteTimeout))
	c.conn.setCloseDeadline(time.Now().Add(closeAnswerTimeout))
	return err == nil
}

// Abort closes the socket.
func (c *socket) Abort() { _ = c.conn.closeSocket() }

// Check pings the peer and closes the socket (4002) unless it answers within
// checkTimeout.
func (c *socket) Check() { c.conn.requestCheck(time.Now()) }

// handleClose handles the peer's close frame: it echoes the status without a reason,
// or takes the frame as the answer to ours.
func (c *socket) handleClose(status int) {
	c.closeReceived.Store(true)
	c.stop(peerStatus(status))
}

// stop ends the session and sends the close frame. The socket is closed by finish.
func (c *socket) stop(reason error) {
	c.session.Stop(reason)
	c.Close(c.session.Reason())
}

// handleError handles an error of melody's. A read error ends the session when this
// returns; a write error leaves that to the reader.
func (c *socket) handleError(err error) {
	var status closecode.Status
	var network net.Error
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &status), errors.Is(err, rateLimited()):
		c.stop(err)
	case errors.Is(err, websocket.ErrReadLimit):
		// The library has sent the close frame, except when the sum of the
		// fragments' lengths overflows. It never writes a second one.
		c.stop(closecode.MessageTooBig)
	case errors.Is(err, errCloseTimeout):
		c.closeTimedOut = true
		c.stop(closecode.None)
	case errors.As(err, &closed), errors.As(err, &network), errors.Is(err, net.ErrClosed),
		errors.Is(err, websocket.ErrCloseSent), errors.Is(err, melody.ErrWriteClosed):
		// The reason is set where a close frame was sent or received; finish sets it
		// otherwise.
	default: // the library has sent the close frame itself
		c.closeTried.Store(true)
		c.session.Stop(closecode.ProtocolError)
	}
}

// sendPing sends a ping. A peer whose socket accepts no data gets none, and is
// closed when its pong is overdue.
func (c *socket) sendPing() {
	c.session.Tick()
	if c.conn.writer.tryPing() {
		return
	}
	if peer := c.peer.Load(); peer != nil {
		_ = peer.WebsocketConnection().WriteControl(websocket.PingMessage, nil, time.Now().Add(closeWriteTimeout))
	}
}

// finish releases the resources, closes the socket and logs the end.
func (c *socket) finish() {
	defer c.session.Recover()
	defer c.Abort()
	c.session.Stop(closecode.None) // unless there is a reason
	if c.closeTried.Load() && !c.closeReceived.Load() && !c.closeTimedOut {
		c.conn.discardInput()
	}
	c.Abort()
	if lasted, accepted := c.session.End(); accepted {
		closeFor(c.session.Reason()).LogEnd(c.manager.log, domain.TransportWebSocket, c.session, lasted)
	}
}
