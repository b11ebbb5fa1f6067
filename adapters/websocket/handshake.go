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
	asks := r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor >= 1 &&
		headerContains(r.Header, "Connection", "upgrade") && headerContains(r.Header, "Upgrade", "websocket")
	if !asks || !slices.Equal(r.Header.Values("Sec-Websocket-Version"), []string{"13"}) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		return &domain.Error{Code: domain.InvalidRequest, Kind: domain.UpgradeRequired, Message: "WebSocket upgrade required"}
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return invalidHandshake("a body", nil)
	}
	keys := r.Header.Values("Sec-Websocket-Key")
	if len(keys) != 1 {
		return invalidHandshake("no key, or more than one", nil)
	}
	if key, err := base64.StdEncoding.Strict().DecodeString(keys[0]); err != nil || len(key) != 16 {
		return invalidHandshake("a key that is not 16 bytes in base64", err)
	}
	if _, ok := offersDeflate(r.Header); !ok {
		return invalidHandshake("extensions that are not a list", nil)
	}
	return nil
}

// invalidHandshake is a handshake that asks for a WebSocket in a wrong way.
func invalidHandshake(what string, cause error) error {
	return &domain.Error{Code: domain.InvalidRequest, Message: "Invalid WebSocket handshake", Err: errors.Join(errors.New(what), cause)}
}

func headerContains(h http.Header, name, word string) bool {
	for w := range listMembers(h, name) {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}

// hijackedConn is a connection taken from net/http, and the headers that the upgrade
// reads and writes. melody gets it in place of the ResponseWriter, so that the
// server's handler can return and its buffers and its stack are freed; the headers
// and the token in them are, as soon as the 101 is out.
type hijackedConn struct {
	conn    net.Conn
	header  http.Header
	request *http.Request
	deflate bool // the client offers compression in a form that can be accepted
}

var errEarlyData = errors.New("client sent data before the handshake was complete")

// hijack hijacks the connection. Client data that came too early ends it.
func hijack(w http.ResponseWriter, r *http.Request) (*hijackedConn, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	if buffered.Reader.Buffered() > 0 {
		return nil, errors.Join(errEarlyData, conn.Close())
	}
	deflate, _ := offersDeflate(r.Header)
	normalizeHeader(r.Header, slices.Contains(slices.Collect(subprotocols(r)), protocol), deflate)
	return &hijackedConn{
		conn: conn, header: w.Header(), deflate: deflate,
		request: &http.Request{Method: http.MethodGet, Header: r.Header},
	}, nil
}

// normalizeHeader says in the plainest words what checkUpgrade has found, which reads
// more kindly than the upgrade does.
func normalizeHeader(h http.Header, speaks, deflate bool) {
	words := []string{"upgrade", "websocket", "13", protocol}
	h["Connection"], h["Upgrade"], h["Sec-Websocket-Version"] = words[0:1:1], words[1:2:2], words[2:3:3]
	delete(h, "Sec-Websocket-Protocol") // a token may be among them
	delete(h, "Sec-Websocket-Extensions")
	if deflate {
		h.Set("Sec-Websocket-Extensions", deflateExtension)
	}
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
func (t *hijackedConn) Header() http.Header { return t.header }

// WriteHeader does nothing: every refusal was made before.
func (t *hijackedConn) WriteHeader(int) {}

// Write fails: the connection belongs to the upgrade.
func (t *hijackedConn) Write([]byte) (int, error) { return 0, http.ErrHijacked }

// Hijack gives the connection to the upgrade.
func (t *hijackedConn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return t.conn, bufio.NewReadWriter(bufio.NewReaderSize(t.conn, handshakeRead), bufio.NewWriterSize(t.conn, handshakeWrite)), nil
}
