package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	// firstPause is the longest wait after the first failed connection attempt. It doubles with
	// each further failure.
	firstPause = 500 * time.Millisecond
	// maxPause is the longest wait after any failed connection attempt.
	maxPause = 15 * time.Second
	// dialTimeout limits one handshake.
	dialTimeout = 15 * time.Second
	// stableAfter is how long a connection must last to reset the backoff. The service also
	// refuses after the handshake, with a close frame.
	stableAfter = 10 * time.Second
	// closeTimeout limits the wait for the server's close frame.
	closeTimeout = time.Second
	// defaultSilenceLimit is longer than two intervals between the pings of the service.
	defaultSilenceLimit = 75 * time.Second
)

// NotificationClient receives the notifications of one user. It reconnects with jittered
// backoff after a temporary failure and resumes after the last notification
// that it received. It loses no notification that the service still stores.
type NotificationClient struct {
	// URL is the service's endpoint, "ws://host:port/ws".
	URL string
	// Token is sent as a bearer token.
	Token string
	// Since is the position to start after: the id of a notification, "0" for all
	// stored notifications, or "$" for new ones only. When it is empty, the client
	// does not request a replay until it has received a notification with a position.
	Since string
	// SilenceLimit is how long a connection may bring nothing, not even a ping, before the client
	// closes it and connects again. Zero means 75 seconds.
	SilenceLimit time.Duration
	// OnFrame is called with each text frame, in order. Position frames are left out.
	OnFrame func(frame []byte)
	// OnStatus is called with a description of each connection event.
	OnStatus func(text string)
}

// Listen connects and reconnects until ctx is done; it then returns nil. It
// returns a *ServiceError when the service reports a permanent error.
func (s NotificationClient) Listen(ctx context.Context) error {
	resume := resumePosition{at: s.Since}
	for attempt := 0; ; attempt++ {
		stable, end := s.session(ctx, &resume)
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		if final := permanentError(end); final != nil {
			return final
		}
		if stable {
			attempt = 0
		}
		pause := backoff.Delay(attempt, firstPause, maxPause)
		s.OnStatus(fmt.Sprintf("disconnected: %v; reconnecting in %s", end, pause.Round(time.Millisecond)))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// session holds one connection until it ends and returns the error that ended
// it. stable is true when the connection lasted for stableAfter. The connection resumes
// from resume, which session updates with each frame.
func (s NotificationClient) session(ctx context.Context, resume *resumePosition) (stable bool, end error) {
	conn, err := s.dial(ctx, resume.at)
	if err != nil {
		return false, err
	}
	defer context.AfterFunc(ctx, func() { closeNormally(conn) })()
	s.OnStatus("connected")
	since := time.Now()
	s.limitSilence(ctx, conn)
	for {
		kind, frame, err := conn.ReadMessage()
		if err != nil {
			return time.Since(since) >= stableAfter, errors.Join(err, conn.Close())
		}
		s.extendDeadline(ctx, conn)
		if kind != websocket.TextMessage {
			continue
		}
		if resume.update(frame) {
			s.OnStatus("resuming after " + resume.at)
			continue
		}
		s.OnFrame(frame)
	}
}

// limitSilence ends reads of the connection with an error when nothing arrives for the limit.
func (s NotificationClient) limitSilence(ctx context.Context, conn *websocket.Conn) {
	respond := conn.PingHandler()
	conn.SetPingHandler(func(text string) error {
		s.extendDeadline(ctx, conn)
		return respond(text)
	})
	s.extendDeadline(ctx, conn)
}

// extendDeadline lets the connection be silent for the limit from now on. After the end of ctx
// it keeps the deadline of closeNormally.
func (s NotificationClient) extendDeadline(ctx context.Context, conn *websocket.Conn) {
	if ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(cmp.Or(s.SilenceLimit, defaultSilenceLimit))) // fails only on a closed connection
	}
}

func (s NotificationClient) dial(ctx context.Context, since string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	url, err := resumeURL(s.URL, since)
	if err != nil {
		return nil, err
	}
	conn, resp, err := websocket.DefaultDialer.DialContext(ctx, url, http.Header{"Authorization": {"Bearer " + s.Token}})
	if resp != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	if err != nil {
		return nil, handshakeError(resp, err)
	}
	return conn, nil
}

// closeNormally sends a normal close frame and limits the wait for the response.
func closeNormally(conn *websocket.Conn) {
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(closeTimeout))
	_ = conn.SetReadDeadline(time.Now().Add(closeTimeout))
}

// handshakeError returns the error of a failed handshake. It is a *ServiceError when
// the server sent an HTTP response.
func handshakeError(resp *http.Response, err error) error {
	if resp == nil {
		return err
	}
	raw, readErr := io.ReadAll(io.LimitReader(resp.Body, maxResponseBytes))
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return parseServiceError(resp.StatusCode, raw)
}

// permanentError returns the error if a reconnect cannot succeed, because the
// client is at fault or needs a new token. It returns nil for a temporary error.
func permanentError(err error) error {
	if response, ok := errors.AsType[*ServiceError](err); ok {
		if response.Status == http.StatusServiceUnavailable || response.Status == http.StatusTooManyRequests {
			return nil
		}
		return response
	}
	closed, ok := errors.AsType[*websocket.CloseError](err)
	if !ok {
		return nil
	}
	switch closed.Code {
	case websocket.CloseProtocolError, websocket.CloseUnsupportedData, websocket.CloseInvalidFramePayloadData,
		websocket.CloseMessageTooBig, websocket.ClosePolicyViolation, 4000, 4003:
		return parseCloseError(closed)
	default:
		return nil
	}
}
