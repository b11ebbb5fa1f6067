package model_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/huleedu/edge/test/eventstream"
	"github.com/huleedu/edge/test/harness"
)

// errRefused is the error of a connection that the limit of the user refuses.
var errRefused = errors.New("refused by the connection limit")

// emptyLog is the position in a log without entries.
const emptyLog = "0-0"

// Codes of ended connections that are not close codes.
const (
	stillOpen = 0
	brokenOff = -1
)

// line is the sequence of connections of one client: it resumes after the last notification that
// it has. It never reconnects by itself.
type line struct {
	name   string
	stream bool
	node   int

	conn   io.Closer
	reader sync.WaitGroup

	mu sync.Mutex
	// frames are the frames of this connection, in short form, without resync and pong.
	frames  []string
	last    string // id of the last notification
	resyncs int
	code    int // of the end
}

// connect opens a connection to a node. since is the position, empty for none.
func (l *line) connect(addr, user, since string) error {
	l.mu.Lock()
	l.frames, l.resyncs, l.code = nil, 0, stillOpen
	l.mu.Unlock()
	query := ""
	if since != "" {
		query = "?last_event_id=" + since
	}
	if l.stream {
		return l.connectStream(addr, user, query)
	}
	return l.connectSocket(addr, user, query)
}

// connectSocket opens a WebSocket. The service upgrades a connection that it refuses and closes it
// then, so that the answer to a ping decides.
func (l *line) connectSocket(addr, user, query string) error {
	conn, response, err := websocket.DefaultDialer.Dial("ws://"+addr+"/ws"+query, http.Header{"Authorization": {"Bearer " + harness.Token(user)}})
	if response != nil {
		defer func() { _ = response.Body.Close() }()
	}
	if response != nil && response.StatusCode == http.StatusTooManyRequests {
		return errRefused
	}
	if err != nil {
		return err
	}
	opened := make(chan error, 1)
	l.conn = conn
	l.reader.Go(func() { l.readSocket(conn, opened) })
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)); err != nil {
		return errors.Join(err, <-opened)
	}
	return <-opened
}

func (l *line) readSocket(conn *websocket.Conn, opened chan<- error) {
	tell := sync.OnceFunc(func() { opened <- nil })
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			l.end(conn, codeOf(err))
			select {
			case opened <- endError(codeOf(err)):
			default:
			}
			return
		}
		if string(frame) == `{"type":"pong"}` {
			tell()
			continue
		}
		l.add(string(frame))
	}
}

// endError returns the error of a connection that ends before it has answered the ping.
func endError(code int) error {
	if code == 4000 {
		return errRefused
	}
	return fmt.Errorf("closed with %d", code)
}

func codeOf(err error) int {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok && closed.Code != websocket.CloseAbnormalClosure {
		return closed.Code
	}
	return brokenOff
}

// connectStream opens an event stream.
func (l *line) connectStream(addr, user, query string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodGet, "http://"+addr+"/events"+query, http.NoBody)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	request.Header.Set("Authorization", "Bearer "+harness.Token(user))
	response, err := eventstream.Request(conn, request, 20*time.Second)
	switch {
	case err != nil:
		return errors.Join(err, conn.Close())
	case response.StatusCode == http.StatusTooManyRequests:
		return errors.Join(errRefused, conn.Close())
	case response.StatusCode != http.StatusOK:
		return errors.Join(fmt.Errorf("answered %s", response.Status), conn.Close())
	}
	l.conn = conn
	l.reader.Go(func() { l.readStream(conn, response.Body) })
	return nil
}

func (l *line) readStream(conn io.Closer, body io.Reader) {
	for in := eventstream.NewReader(bufio.NewReader(body)); ; {
		event, err := in.Next()
		if err != nil {
			l.end(conn, brokenOff)
			return
		}
		if event.Type == "close" {
			var told struct{ Code int }
			_ = json.Unmarshal([]byte(event.Data), &told) // invalid data has code 0, which no test expects
			l.end(conn, told.Code)
			return
		}
		l.add(event.Data)
	}
}

// add records a frame in short form.
func (l *line) add(frame string) {
	var in struct {
		Event, ID string
		Data      struct {
			N    int
			Last string `json:"last_event_id"`
		}
	}
	err := json.Unmarshal([]byte(frame), &in)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.frames = append(l.frames, frame)
	case in.Event == "resync":
		l.resyncs++
	case in.Event == "stored" || in.Event == "direct":
		l.frames = append(l.frames, fmt.Sprintf("%s %d", in.Event, in.Data.N))
		if in.ID != "" {
			l.last = in.ID
		}
	default:
		l.frames = append(l.frames, in.Event)
		if in.Event == "position" && in.Data.Last != emptyLog {
			l.last = in.Data.Last
		}
	}
}

// end records the end of the connection.
func (l *line) end(conn io.Closer, code int) {
	_ = conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.code = code
}

// close ends the connection from the client's side and waits for the reader.
func (l *line) close() {
	if socket, ok := l.conn.(*websocket.Conn); ok {
		_ = socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
		_ = socket.SetReadDeadline(time.Now().Add(10 * time.Second)) // the service echoes the close
	} else if l.conn != nil {
		_ = l.conn.Close()
	}
	l.reader.Wait()
}

// received returns the frames of the connection and the code of its end, or stillOpen.
func (l *line) received() (frames []string, code int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.frames...), l.code
}

// lastID returns the id of the last notification, or an empty string.
func (l *line) lastID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// resyncCount returns how many resync frames the connection has received.
func (l *line) resyncCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.resyncs
}

// ended returns the code of the end, or stillOpen.
func (l *line) ended() int {
	_, code := l.received()
	return code
}
