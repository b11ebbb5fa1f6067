package delivery

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
)

// streamManager is a second transport, for tests: it sends the messages as
// server-sent events. It shows what a transport needs besides the hub.
type streamManager struct{ *Hub }

var errClientLeft = errors.New("the client left")

// streamConn is the connection of one response. The goroutine of its handler writes.
type streamConn struct {
	control *http.ResponseController
	next    chan []byte   // the message that the session has sent
	closed  chan struct{} // closed when the response must end
	once    sync.Once
}

// TrySend lets the handler write the message.
func (c *streamConn) TrySend(f Frame) (sent bool) {
	c.next <- f.Payload
	return false
}

// Closing limits the time for the queued messages.
func (c *streamConn) Closing(error) { _ = c.control.SetWriteDeadline(time.Now().Add(time.Second)) }

// Close ends the response with an event.
func (c *streamConn) Close(error) (sent bool) {
	c.once.Do(func() { close(c.closed) })
	return true
}

// Abort makes every write fail.
func (c *streamConn) Abort() {
	_ = c.control.SetWriteDeadline(time.Now())
	c.Close(nil)
}

// ServeHTTP serves one stream to the user in the query.
func (m streamManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !m.Enter() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer m.Leave()
	c := &streamConn{control: http.NewResponseController(w), next: make(chan []byte, 1), closed: make(chan struct{})}
	user := domain.UserID(r.URL.Query().Get("user"))
	s, err := m.Open(r.Context(), SessionRequest{User: user, ID: uuid.NewString(), Conn: c})
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer s.End()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Connection", "close")
	if err := c.control.Flush(); err != nil {
		s.Stop(err)
		return
	}
	s.Attach()
	s.Stop(c.serve(w, r, s))
}

// serve writes messages until the response must end, and returns why.
func (c *streamConn) serve(w io.Writer, r *http.Request, s *Session) error {
	for {
		select {
		case payload := <-c.next:
			if err := c.write(w, "message", payload); err != nil {
				return err
			}
			s.Sent()
		case <-c.closed:
			return c.write(w, "close", []byte(s.Reason().Error()))
		case <-r.Context().Done():
			return errClientLeft
		}
	}
}

func (c *streamConn) write(w io.Writer, event string, payload []byte) error {
	_, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, bytes.ReplaceAll(payload, []byte("\n"), []byte("\ndata: ")))
	return errors.Join(err, c.control.Flush())
}

// streamClient reads a stream.
type streamClient struct {
	body io.ReadCloser
	in   *bufio.Reader
}

// Leave closes the connection.
func (c *streamClient) Leave() { _ = c.body.Close() }

// Next returns the data of the next event, and io.EOF for the event that ends the
// stream.
func (c *streamClient) Next() ([]byte, error) {
	timeout := time.AfterFunc(10*time.Second, c.Leave)
	defer timeout.Stop()
	var event string
	var data []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case name == "event":
			event = value
		case name == "data":
			data = append(data, value)
		case event == "close":
			return nil, io.EOF
		default:
			return []byte(strings.Join(data, "\n")), nil
		}
	}
}

func newStreamNode(t testing.TB) contract.ManagerNode {
	h := newTestHub(Config{QueueMessages: 64, QueueBytes: 1 << 20, DrainTimeout: 10 * time.Second, DrainSpread: 50 * time.Millisecond})
	server := httptest.NewServer(streamManager{h.Hub})
	t.Cleanup(func() {
		_ = h.Drain(t.Context())
		server.CloseClientConnections()
		server.Close()
	})
	return contract.ManagerNode{Manager: h, Connect: func(user domain.UserID) (contract.ManagerClient, error) {
		response, err := server.Client().Get(server.URL + "?user=" + string(user))
		if err != nil {
			return nil, err
		}
		if response.StatusCode != http.StatusOK {
			return nil, errors.Join(errors.New(response.Status), response.Body.Close())
		}
		return &streamClient{response.Body, bufio.NewReader(response.Body)}, nil
	}}
}

// TestSecondTransport runs the suites of the WebSocket manager with another transport.
func TestSecondTransport(t *testing.T) {
	contract.ConnectionManager(t, contract.ManagerHarness{New: newStreamNode})
	contract.ConnectionShedder(t, contract.ShedderHarness{New: func(t testing.TB) (ports.ConnectionShedder, contract.ManagerNode) {
		node := newStreamNode(t)
		return node.Manager.(ports.ConnectionShedder), node
	}})
}
