package websocket

import (
	"bufio"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"slices"

	"golang.org/x/net/http/httpguts"

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// checkUpgrade validates the upgrade request completely (RFC 6455 section 4.2.1), so
// that the upgrade cannot fail after the connection is hijacked. When the request
// does not ask for a supported upgrade, it sets the headers that say what is
// supported.
func checkUpgrade(w http.ResponseWriter, r *http.Request) error {
	asks := r.Method == http.MethodGet && r.ProtoMajor == 1 && r.ProtoMinor >= 1 &&
		httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade") &&
		httpguts.HeaderValuesContainsToken(r.Header["Upgrade"], "websocket")
	if !asks || !slices.Equal(r.Header.Values("Sec-Websocket-Version"), []string{"13"}) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		return &domain.Error{Code: domain.InvalidRequest, Reason: httpreason.UpgradeRequired, Message: "WebSocket upgrade required"}
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

// invalidHandshake returns the error of a malformed upgrade request.
func invalidHandshake(what string, cause error) error {
	return &domain.Error{Code: domain.InvalidRequest, Message: "Invalid WebSocket handshake", Err: errors.Join(errors.New(what), cause)}
}

// hijackedConn is a hijacked connection with the headers that the upgrade reads and
// writes. melody gets it as the ResponseWriter, so that the server's handler can
// return and free its buffers and its stack. The headers, which hold the token, are
// freed when the 101 is sent.
type hijackedConn struct {
	conn    net.Conn
	header  http.Header
	request *http.Request
	deflate bool // an offer of compression can be accepted
}

var errEarlyData = errors.New("client sent data before the handshake was complete")

// hijack hijacks the connection. It closes the connection and returns errEarlyData
// when the client has sent data before the 101.
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

// normalizeHeader rewrites what checkUpgrade has accepted in the plain form that the
// library's stricter parser accepts.
func normalizeHeader(h http.Header, subprotocol, deflate bool) {
	words := []string{"upgrade", "websocket", "13", protocol}
	h["Connection"], h["Upgrade"], h["Sec-Websocket-Version"] = words[0:1:1], words[1:2:2], words[2:3:3]
	delete(h, "Sec-Websocket-Protocol") // may contain a token
	delete(h, "Sec-Websocket-Extensions")
	if deflate {
		h.Set("Sec-Websocket-Extensions", deflateExtension)
	}
	if subprotocol {
		h["Sec-Websocket-Protocol"] = words[3:]
	}
}

const (
	// handshakeRead is the size of the read buffer for the 101 response, in bytes. It is the
	// smallest possible size, because nothing is read before the 101.
	handshakeRead = 16
	// handshakeWrite is the size of the write buffer for the 101 response, in bytes.
	handshakeWrite = 1024
)

// Header returns the additional headers of the 101.
func (t *hijackedConn) Header() http.Header { return t.header }

// WriteHeader does nothing: the upgrade cannot fail.
func (t *hijackedConn) WriteHeader(int) {}

// Write fails: the connection is hijacked.
func (t *hijackedConn) Write([]byte) (int, error) { return 0, http.ErrHijacked }

// Hijack returns the connection with buffers for the 101.
func (t *hijackedConn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return t.conn, bufio.NewReadWriter(bufio.NewReaderSize(t.conn, handshakeRead), bufio.NewWriterSize(t.conn, handshakeWrite)), nil
}
