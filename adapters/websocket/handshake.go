package websocket

import (
	"bufio"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/huleedu/edge/domain"
)

// checkUpgrade accepts a GET that asks for a WebSocket (RFC 6455 section 4.2.1)
// completely, so that nothing is left to refuse once the connection is taken
// over. For one that does not, w's headers say what would be accepted.
func checkUpgrade(w http.ResponseWriter, r *http.Request) error {
	asks := r.Method == http.MethodGet && has(r.Header, "Connection", "upgrade") && has(r.Header, "Upgrade", "websocket")
	if !asks || !has(r.Header, "Sec-Websocket-Version", "13") {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		return &domain.Error{Code: domain.InvalidRequest, Kind: domain.UpgradeRequired, Message: "WebSocket upgrade required"}
	}
	if key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key")); err != nil || len(key) != 16 {
		return &domain.Error{Code: domain.InvalidRequest, Message: "Invalid WebSocket handshake", Err: err}
	}
	return nil
}

func has(h http.Header, name, word string) bool {
	for w := range words(h, name) {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}

// takeover is a connection taken from net/http, and the headers that the upgrade
// reads and writes. melody gets it in place of the ResponseWriter, so that the
// server's handler can return and its buffers and its stack are freed; the headers
// and the token in them are, as soon as the 101 is out.
type takeover struct {
	conn    net.Conn
	header  http.Header
	request *http.Request
}

var errEarlyData = errors.New("client sent data before the handshake was complete")

// takeOver hijacks the connection. Client data that came too early ends it.
func takeOver(w http.ResponseWriter, r *http.Request) (*takeover, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	if buffered.Reader.Buffered() > 0 {
		return nil, errors.Join(errEarlyData, conn.Close())
	}
	simplify(r.Header, slices.Contains(slices.Collect(subprotocols(r)), protocol))
	return &takeover{
		conn: conn, header: w.Header(),
		request: &http.Request{Method: http.MethodGet, Header: r.Header},
	}, nil
}

// simplify says in the plainest words what checkUpgrade has found, which reads
// more kindly than the upgrade does.
func simplify(h http.Header, speaks bool) {
	words := []string{"upgrade", "websocket", "13", protocol}
	h["Connection"], h["Upgrade"], h["Sec-Websocket-Version"] = words[0:1:1], words[1:2:2], words[2:3:3]
	delete(h, "Sec-Websocket-Protocol") // a token may be among them
	if speaks {
		h["Sec-Websocket-Protocol"] = words[3:]
	}
}

// The sizes of the buffers that only the 101 goes through.
const (
	handshakeRead  = 16
	handshakeWrite = 1024
)

// Header is what the 101 carries besides the handshake's own.
func (t *takeover) Header() http.Header { return t.header }

// WriteHeader does nothing: every refusal was made before.
func (t *takeover) WriteHeader(int) {}

// Write fails: the connection belongs to the upgrade.
func (t *takeover) Write([]byte) (int, error) { return 0, http.ErrHijacked }

// Hijack gives the connection to the upgrade.
func (t *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return t.conn, bufio.NewReadWriter(bufio.NewReaderSize(t.conn, handshakeRead), bufio.NewWriterSize(t.conn, handshakeWrite)), nil
}
