package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/eventstream"
)

// connection is a client's connection of one transport.
type connection interface {
	textReader
	text(t *testing.T) string
	next(t *testing.T) frame
	closed(t *testing.T) (code int, raw string)
	closedBecause(t *testing.T, code int) reason
	// Close ends the connection without telling the service.
	Close() error
}

// transport is a way to receive notifications.
type transport struct {
	name string
	// url returns the address of the connections of a node, from its host and port.
	url func(host string) string
	// open opens a connection. A node that refuses it answers with an error of the
	// transport: a *refusedError, or a connection that is closed at once.
	open func(ctx context.Context, url string, h http.Header) (connection, error)
}

// refusedError is the error of a handshake that is answered with an HTTP status.
type refusedError struct{ response }

func (e *refusedError) Error() string { return e.String() }

// transports are all transports of the notification service.
func transports() []transport {
	return []transport{
		{"websocket", func(host string) string { return "ws://" + host + "/ws" }, openSocket},
		{"sse", func(host string) string { return "http://" + host + "/events" }, openStream},
	}
}

// onTransports runs a test once per transport on the servers of each, which is onEach,
// onEachRedis or onEachKafka.
func onTransports(t *testing.T, each func(*testing.T, func(*testing.T, backing)), test func(*testing.T, transport, backing)) {
	t.Helper()
	for _, via := range transports() {
		t.Run(via.name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, b backing) { test(t, via, b) })
		})
	}
}

// connect opens a connection of the user to the node at the host.
func (via transport) connect(t *testing.T, host, user string) connection {
	t.Helper()
	c, err := via.tryConnect(t.Context(), host, user, "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// tryConnect opens a connection of the user that resumes after the position; with an empty
// one it does not resume.
func (via transport) tryConnect(ctx context.Context, host, user, position string) (connection, error) {
	url := via.url(host)
	if position != "" {
		url += "?last_event_id=" + position
	}
	return via.open(ctx, url, as(user).values())
}

// refused returns the error code with which the service refuses a connection of the user.
func (via transport) refused(t *testing.T, host, user string) string {
	t.Helper()
	c, err := via.tryConnect(t.Context(), host, user, "")
	if err == nil {
		defer func() { _ = c.Close() }()
		_, err = c.read(waitLimit)
	}
	return refusalCode(t, err)
}

// refusalCode returns the error code of a refusal.
func refusalCode(t *testing.T, err error) string {
	t.Helper()
	if end, ok := errors.AsType[*closedError](err); ok {
		var why reason
		require.NoError(t, json.Unmarshal([]byte(end.reason), &why), end.reason)
		return why.Code
	}
	var refused *refusedError
	require.ErrorAs(t, err, &refused)
	var body struct{ Error failure }
	require.NoError(t, json.Unmarshal(refused.body, &body), "%s", refused.body)
	return body.Error.Code
}

func openSocket(ctx context.Context, url string, h http.Header) (connection, error) {
	dialer := websocket.Dialer{HandshakeTimeout: waitLimit}
	conn, res, err := dialer.DialContext(ctx, url, h)
	if err == nil {
		return newSocket(conn, res.Header), nil
	}
	if !errors.Is(err, websocket.ErrBadHandshake) {
		return nil, err
	}
	return nil, refusedBy(res, nil)
}

// refusedBy returns the error of a response that refuses the handshake.
func refusedBy(res *http.Response, cleanup func() error) error {
	body, err := io.ReadAll(res.Body)
	if cleanup != nil {
		err = errors.Join(err, cleanup())
	}
	return errors.Join(err, res.Body.Close(), &refusedError{response{res.StatusCode, res.Header, body}})
}

// stream is a connection that receives server-sent events.
type stream struct {
	receiver

	conn net.Conn
	head http.Header
}

// Close closes the connection.
func (s *stream) Close() error { return s.conn.Close() }

// openStream opens a stream on a TCP connection of its own, of which a test can decide when
// it is read.
func openStream(ctx context.Context, url string, h http.Header) (connection, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header = h
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", request.URL.Host)
	if err != nil {
		return nil, err
	}
	response, err := eventstream.Request(conn, request, waitLimit)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if response.StatusCode != http.StatusOK {
		return nil, refusedBy(response, conn.Close)
	}
	return &stream{receiver{eventReader{eventstream.NewReader(response.Body), conn}}, conn, response.Header}, nil
}

// eventReader reads the events of a stream.
type eventReader struct {
	in   *eventstream.Reader
	conn net.Conn
}

var errWrongID = errors.New("the event's id is not that of its frame")

func (r eventReader) read(within time.Duration) (string, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	event, err := r.in.Next()
	if err != nil {
		return "", err
	}
	if event.Type == "close" {
		var last struct {
			Code   int
			Reason json.RawMessage
		}
		if err := json.Unmarshal([]byte(event.Data), &last); err != nil {
			return "", err
		}
		return "", &closedError{last.Code, string(last.Reason)}
	}
	var f frame
	if json.Unmarshal([]byte(event.Data), &f) == nil && f.ID != "" && f.ID != event.ID {
		return "", errWrongID
	}
	return event.Data, nil
}
