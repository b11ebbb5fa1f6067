package websocket_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// masked is a client's frame whose mask changes nothing.
func masked(first byte, length []byte, payload string) string {
	length = bytes.Clone(length)
	length[0] |= 0x80
	return string([]byte{first}) + string(length) + "\x00\x00\x00\x00" + payload
}

// frame is a client's frame with the shortest length.
func frame(first byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return string([]byte{first, 0x80 | byte(n)}) + "\x00\x00\x00\x00" + payload
	case n <= 0xffff:
		return string(binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(n))) + "\x00\x00\x00\x00" + payload
	default:
		return string(binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, uint64(n))) + "\x00\x00\x00\x00" + payload
	}
}

func status(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// xor is a frame with a mask that changes something.
func xor(first byte, payload string) string {
	key, out := [4]byte{0xa1, 0, 0x7f, 0xff}, []byte(payload)
	for i := range out {
		out[i] ^= key[i%4]
	}
	return string([]byte{first, 0x80 | byte(len(out)&0x7f)}) + string(key[:]) + string(out)
}

// deflated is the text as permessage-deflate sends it.
func deflated(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// steps are the sizes in which bytes are sent: at once and, when they are few, one
// by one.
func steps(data string) []int {
	if len(data) > 300 {
		return []int{len(data)}
	}
	return []int{max(len(data), 1), 1}
}

// write sends bytes in steps until all are sent or the peer has ended the
// connection.
func (c *client) write(data string, step int) {
	for at := 0; at < len(data); at += step {
		if _, err := io.WriteString(c.NetConn(), data[at:min(at+step, len(data))]); err != nil {
			return
		}
	}
}

// TestInvalidFramesAreClosedWithAStatus: each malformed frame is answered by a close frame
// with the status of RFC 6455, over a real socket, whether it comes at once or
// byte by byte.
func TestInvalidFramesAreClosedWithAStatus(t *testing.T) {
	long := func(first byte) string {
		return masked(0x82, []byte{127, first, 0, 0, 0, 0, 0, 0, 0}, "")
	}
	for name, c := range map[string]struct {
		bytes string
		code  int
	}{
		"64-bit length with its top bit set":      {long(0x80), 1002},
		"64-bit length with all bits set":         {masked(0x82, []byte{127, 255, 255, 255, 255, 255, 255, 255, 255}, ""), 1002},
		"64-bit length below the top bit":         {long(0x7f), 1009},
		"control frame with that length":          {masked(0x89, []byte{127, 0x80, 0, 0, 0, 0, 0, 0, 0}, ""), 1002},
		"length 1 in 16 bits":                     {masked(0x81, []byte{126, 0, 1}, "x"), 1002},
		"length 125 in 16 bits":                   {masked(0x81, []byte{126, 0, 125}, strings.Repeat("x", 125)), 1002},
		"length 65535 in 64 bits":                 {masked(0x82, []byte{127, 0, 0, 0, 0, 0, 0, 255, 255}, strings.Repeat("x", 65535)), 1002},
		"no mask":                                 {"\x81\x01x", 1002},
		"RSV1 without compression":                {frame(0xc1, "x"), 1002},
		"RSV2":                                    {frame(0xa1, "x"), 1002},
		"RSV3":                                    {frame(0x91, "x"), 1002},
		"RSV1 on a ping":                          {frame(0xc9, ""), 1002},
		"opcode 3":                                {frame(0x83, ""), 1002},
		"opcode 7":                                {frame(0x87, ""), 1002},
		"opcode 11":                               {frame(0x8b, ""), 1002},
		"opcode 15":                               {frame(0x8f, ""), 1002},
		"continuation of nothing":                 {frame(0x80, "x"), 1002},
		"message within a message":                {frame(0x01, "x") + frame(0x81, "y"), 1002},
		"ping in two fragments":                   {frame(0x09, "x"), 1002},
		"close in two fragments":                  {frame(0x08, ""), 1002},
		"ping of 126 bytes":                       {frame(0x89, strings.Repeat("x", 126)), 1002},
		"close of 126 bytes":                      {frame(0x88, status(1000, strings.Repeat("x", 124))), 1002},
		"close of one byte":                       {frame(0x88, "x"), 1002},
		"close with status 0":                     {frame(0x88, status(0, "")), 1002},
		"close with status 999":                   {frame(0x88, status(999, "")), 1002},
		"close with status 1004":                  {frame(0x88, status(1004, "")), 1002},
		"close with status 1005":                  {frame(0x88, status(1005, "")), 1002},
		"close with status 1006":                  {frame(0x88, status(1006, "")), 1002},
		"close with status 1015":                  {frame(0x88, status(1015, "")), 1002},
		"close with status 2000":                  {frame(0x88, status(2000, "")), 1002},
		"close with status 5000":                  {frame(0x88, status(5000, "")), 1002},
		"close reason that is not UTF-8":          {frame(0x88, status(1000, "\xff")), 1007},
		"masked close reason that is not UTF-8":   {xor(0x88, status(1000, "fine\xed\xa0\x80")), 1007},
		"close reason with a cut character":       {frame(0x88, status(1001, "\xe2\x82")), 1007},
		"close reason of 123 bytes, not UTF-8":    {frame(0x88, status(3000, strings.Repeat("x", 122)+"\xc0")), 1007},
		"text that is not UTF-8":                  {frame(0x81, "\xff"), 1007},
		"text cut within a character":             {frame(0x81, "\xe2\x82"), 1007},
		"text over the limit":                     {frame(0x81, strings.Repeat("x", 65537)), 1009},
		"fragments over the limit":                {frame(0x02, strings.Repeat("x", 65536)) + frame(0x80, "x"), 1009},
		"fragments whose lengths overflow":        {frame(0x02, "x") + masked(0x80, []byte{127, 0x7f, 255, 255, 255, 255, 255, 255, 255}, ""), 1009},
		"valid close":                             {xor(0x88, status(1000, "zażółć")), 1000},
		"valid close without status":              {frame(0x88, ""), 1005},
		"ping before the broken frame":            {frame(0x89, "x") + frame(0x83, ""), 1002},
		"valid long reason after a valid message": {frame(0x81, "{}") + xor(0x88, status(4999, strings.Repeat("ü", 61))), 4999},
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range steps(c.bytes) {
				n := newNode(t, settings())
				socket := n.mustDial(t, "u1")
				socket.write(c.bytes, step)
				require.Equal(t, c.code, socket.end(t).Code)
				socket.Leave()
				n.awaitClean(t)
			}
		})
	}
}

// TestCompressedFramesOnTheWire: with compression agreed on, a compressed message
// is bounded on the wire and inflated, and its faults are answered by a close.
func TestCompressedFramesOnTheWire(t *testing.T) {
	ping := deflated(t, `{"type":"ping"}`)
	random := make([]byte, 9000) // does not become smaller by compression
	_, err := rand.Read(random)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		bytes string
		code  int // 0: it is answered by a pong
	}{
		"a ping":                               {frame(0xc1, ping), 0},
		"a ping with a mask":                   {xor(0xc1, ping), 0},
		"a ping in fragments":                  {frame(0x41, ping[:3]) + frame(0x00, ping[3:5]) + frame(0x80, ping[5:]), 0},
		"a control frame between fragments":    {frame(0x41, ping[:3]) + frame(0x89, "x") + xor(0x80, ping[3:]), 0},
		"an empty last fragment":               {frame(0x41, ping) + frame(0x80, ""), 0},
		"a ping that is not compressed":        {frame(0x81, `{"type":"ping"}`), 0},
		"plain fragments":                      {frame(0x01, `{"type":`) + frame(0x80, `"ping"}`), 0},
		"over 8 KiB on the wire":               {frame(0xc2, string(random)), 1009},
		"over 8 KiB in fragments":              {frame(0x42, string(random[:5000])) + frame(0x80, string(random[:5000])), 1009},
		"8 KiB that inflate to eight millions": {frame(0xc2, deflated(t, strings.Repeat("\x00", 8_000_000))), 1009},
		"one byte over the limit inflated":     {frame(0xc1, deflated(t, strings.Repeat("x", 65537))), 1009},
		"a length with its top bit set":        {masked(0xc2, []byte{127, 0x80, 0, 0, 0, 0, 0, 0, 0}, ""), 1002},
		"plain fragments that overflow":        {frame(0x02, "x") + masked(0x80, []byte{127, 0x7f, 255, 255, 255, 255, 255, 255, 255}, ""), 1009},
		"a length below the top bit":           {masked(0xc2, []byte{127, 0x7f, 0, 0, 0, 0, 0, 0, 0}, ""), 1009},
		"not a deflate stream":                 {frame(0xc1, "\xff\xff"), 1002},
		"a compressed ping frame":              {frame(0xc9, ping), 1002},
		"a compressed continuation":            {frame(0x01, "x") + frame(0xc0, ping), 1002},
		"a flag on a second fragment":          {frame(0x41, ping[:3]) + frame(0xc0, ping[3:]), 1002},
		"a message within the message":         {frame(0x41, ping[:3]) + frame(0x81, "x"), 1002},
		"a compressed one within a plain one":  {frame(0x01, "x") + frame(0xc1, ping), 1002},
		"RSV2 as well":                         {frame(0xe1, ping), 1002},
		"no mask":                              {"\xc1\x01x", 1002},
		"inflated text that is not UTF-8":      {frame(0xc1, deflated(t, "\xff")), 1007},
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range steps(c.bytes) {
				config := settings()
				config.Compression = true
				n := newNode(t, config)
				socket := offering(t, n)
				socket.write(c.bytes, step)
				if c.code == 0 {
					socket.expect(t, `{"type":"pong"}`)
					continue
				}
				require.Equal(t, c.code, socket.end(t).Code)
				socket.Leave()
				n.awaitClean(t)
			}
		})
	}
}

// TestACompressedMessageOfTheWholeLimit passes.
func TestACompressedMessageOfTheWholeLimit(t *testing.T) {
	config := settings()
	config.Compression = true
	n := newNode(t, config)
	socket := offering(t, n)
	require.NoError(t, socket.WriteMessage(gorilla.BinaryMessage, bytes.Repeat([]byte("x"), 65536)))
	socket.sendText(t, `{"type":"ping"}`)
	_, err := socket.Next()
	require.NoError(t, err)
	require.Equal(t, 1, n.facts.Count(equals(domain.FrameReceived{Type: domain.FrameIgnored})))
}

// ask sends a handshake and returns status and header of the answer. Lines replace those of the same
// name, are added when they begin with +, and go when they end with a colon.
func (n *node) ask(t *testing.T, request string, lines ...string) (int, http.Header) {
	t.Helper()
	if request == "" {
		request = "GET /ws?token=u1 HTTP/1.1"
	}
	header := []string{
		"Host: x", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==",
	}
	body := ""
	for _, line := range lines {
		if added, is := strings.CutPrefix(line, "+"); is {
			header = append(header, added)
			continue
		}
		if text, is := strings.CutPrefix(line, "body "); is {
			body = text
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		rest := header[:0:0]
		for _, old := range header {
			if !strings.HasPrefix(old, name+":") {
				rest = append(rest, old)
			}
		}
		if header = rest; value != "" {
			header = append(header, line)
		}
	}
	conn := n.dialRaw(t, request+"\r\n"+strings.Join(header, "\r\n")+"\r\n\r\n"+body)
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode, answer.Header
}

// TestHandshakeVariants goes through the requirements of RFC 6455 section 4.2.1
// and of the routes' query.
func TestHandshakeVariants(t *testing.T) {
	n := newNode(t, settings())
	type variant struct {
		request string
		lines   []string
		status  int
	}
	line := func(status int, lines ...string) variant { return variant{"", lines, status} }
	for name, v := range map[string]variant{
		"complete":                         line(101),
		"HTTP/1.0":                         {"GET /ws?token=u1 HTTP/1.0", nil, 426},
		"POST":                             {"POST /ws?token=u1 HTTP/1.1", nil, 426},
		"a body":                           line(400, "+Content-Length: 1", "body x"),
		"a chunked body":                   line(400, "+Transfer-Encoding: chunked", "body 1\r\nx\r\n0\r\n\r\n"),
		"an empty chunked body":            line(400, "+Transfer-Encoding: chunked", "body 0\r\n\r\n"),
		"a body of length 0":               line(101, "+Content-Length: 0"),
		"no Connection":                    line(426, "Connection:"),
		"Connection without upgrade":       line(426, "Connection: keep-alive"),
		"Connection among others":          line(101, "Connection: keep-alive, upGrade"),
		"Connection in two lines":          line(101, "Connection: keep-alive", "+Connection: Upgrade"),
		"no Upgrade":                       line(426, "Upgrade:"),
		"another Upgrade":                  line(426, "Upgrade: h2c"),
		"Upgrade in capitals":              line(101, "Upgrade: WebSocket"),
		"Upgrade among others":             line(101, "Upgrade: h2c, websocket"),
		"no version":                       line(426, "Sec-WebSocket-Version:"),
		"version 8":                        line(426, "Sec-WebSocket-Version: 8"),
		"version 013":                      line(426, "Sec-WebSocket-Version: 013"),
		"two versions in a line":           line(426, "Sec-WebSocket-Version: 8, 13"),
		"two versions":                     line(426, "+Sec-WebSocket-Version: 13"),
		"no key":                           line(400, "Sec-WebSocket-Key:"),
		"two keys":                         line(400, "+Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw=="),
		"a key of 15 bytes":                line(400, "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0O"),
		"a key of 17 bytes":                line(400, "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODxA="),
		"a key that is not base64":         line(400, "Sec-WebSocket-Key: ????????????????????????"),
		"a key without padding":            line(400, "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw"),
		"a key with loose bits":            line(400, "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODx=="),
		"no host":                          line(400, "Host:"),
		"our subprotocol among others":     line(101, "+Sec-WebSocket-Protocol: chat, huleedu.notifications.v1"),
		"a foreign subprotocol":            line(101, "+Sec-WebSocket-Protocol: chat"),
		"unknown extensions":               line(101, "+Sec-WebSocket-Extensions: foo; bar=1, permessage-deflate"),
		"extensions that are no list":      line(400, "+Sec-WebSocket-Extensions: ;;"),
		"extensions with an empty element": line(400, "+Sec-WebSocket-Extensions: permessage-deflate,"),
		"a foreign origin":                 line(403, "+Origin: http://other.example"),
		"one good and one foreign origin":  line(403, "+Origin: http://localhost:5173", "+Origin: http://other.example"),
		"a query with a semicolon":         {"GET /ws?token=u1;x=y HTTP/1.1", nil, 400},
		"a query with half an escape":      {"GET /ws?token=u1&x=%2 HTTP/1.1", nil, 400},
		"a query with a wrong escape":      {"GET /ws?token=u1&%zz=1 HTTP/1.1", nil, 400},
		"a broken query beside a header":   {"GET /ws?%zz HTTP/1.1", []string{"+Authorization: Bearer u1"}, 400},
		"a broken query, no token":         {"GET /ws?x=%zz HTTP/1.1", nil, 400},
		"a bad position":                   {"GET /ws?token=u1&last_event_id=x HTTP/1.1", nil, 400},
		"two positions":                    {"GET /ws?token=u1&last_event_id=0&last_event_id=$ HTTP/1.1", nil, 400},
		"an empty position":                {"GET /ws?token=u1&last_event_id= HTTP/1.1", nil, 101},
	} {
		t.Run(name, func(t *testing.T) {
			status, header := n.ask(t, v.request, v.lines...)
			require.Equal(t, v.status, status)
			if v.status == http.StatusUpgradeRequired {
				require.Equal(t, "13", header.Get("Sec-Websocket-Version"))
				require.Equal(t, "websocket", header.Get("Upgrade"))
			}
		})
	}
}

// TestOffersOfCompression: an offer is accepted only when each of its parameters
// can be granted.
func TestOffersOfCompression(t *testing.T) {
	config := settings()
	config.Compression = true
	n := newNode(t, config)
	for offer, accepted := range map[string]bool{
		"permessage-deflate":                                                                       true,
		"permessage-deflate; client_max_window_bits":                                               true,
		"permessage-deflate; client_max_window_bits=8":                                             true,
		`permessage-deflate; client_max_window_bits="15"`:                                          true,
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover":               true,
		"Permessage-Deflate;Client_Max_Window_Bits = 10":                                           true,
		"permessage-deflate; server_max_window_bits=15":                                            false,
		"permessage-deflate; server_max_window_bits=10":                                            false,
		"permessage-deflate; client_max_window_bits=7":                                             false,
		"permessage-deflate; client_max_window_bits=16":                                            false,
		"permessage-deflate; client_max_window_bits=08":                                            false,
		"permessage-deflate; client_max_window_bits=x":                                             false,
		"permessage-deflate; client_no_context_takeover=1":                                         false,
		"permessage-deflate; server_no_context_takeover=true":                                      false,
		"permessage-deflate; client_max_window_bits; client_max_window_bits":                       false,
		"permessage-deflate; unknown":                                                              false,
		"permessage-deflate; unknown=1, permessage-deflate; client_max_window_bits":                true,
		"x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=9, permessage-deflate": true,
		"x-webkit-deflate-frame":                                                                   false,
		"permessage-deflated":                                                                      false,
	} {
		status, header := n.ask(t, "", "+Sec-WebSocket-Extensions: "+offer)
		require.Equal(t, http.StatusSwitchingProtocols, status, offer)
		want := ""
		if accepted {
			want = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
		}
		require.Equal(t, want, header.Get("Sec-Websocket-Extensions"), offer)
	}
}
