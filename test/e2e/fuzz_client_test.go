package e2e_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/test/harness"
)

// briefWait is the time that a client waits for a response that may not come.
const briefWait = 200 * time.Millisecond

// fuzzer sends invalid and valid handshakes and frames from several clients.
type fuzzer struct {
	nodes []string // addresses
	redis *goredis.Client
	seed  uint64
	// users have valid tokens; bad are invalid tokens, texts are contents of messages.
	users            []string
	good, bad, texts []string
	// left is the number of handshakes and frames that are not sent yet.
	left                                  atomic.Int64
	handshakes, upgraded, sent            atomic.Int64
	refused, closed, unanswered, received atomic.Int64
}

// newFuzzer returns a fuzzer with this number of users. The caller adds the nodes.
func newFuzzer(users int, seed uint64) *fuzzer {
	v := &fuzzer{seed: seed}
	for i := range users {
		v.users = append(v.users, fmt.Sprintf("fuzz-%d", i))
		v.good = append(v.good, harness.Token(v.users[i]))
	}
	for _, r := range refusals() {
		token := strings.TrimPrefix(r.authorization, "Bearer ")
		v.bad = append(v.bad, strings.Join(strings.Fields(token), "+"))
	}
	v.texts = []string{
		`{"type":"ping"}`, `{"type":"ping"}`, `{"type":"ping","type":[]}`, `{"type":"pong"}`, `{}`, `[]`, `null`, `"`, ``, `{"type":`, `{"type":7}`,
		`{"type":"refresh","token":"` + v.good[0] + `"}`, `{"type":"refresh","token":{}}`,
		strings.Repeat(`{"type":`, 200), strings.Repeat(`[`, 12_000), `{"type":"` + strings.Repeat("x", 3000) + `"}`, "\u0000\u2028\U0001f600",
	}
	return v
}

// run sends the number of handshakes and frames from concurrent clients.
func (v *fuzzer) run(ctx context.Context, clients, count int) {
	v.left.Store(int64(count))
	var group sync.WaitGroup
	for range clients {
		v.seed++
		a := &fuzzClient{fuzzer: v, rand: rand.New(rand.NewPCG(v.seed, 0))}
		group.Go(func() {
			for v.left.Load() > 0 && ctx.Err() == nil {
				a.connect(ctx)
			}
		})
	}
	group.Wait()
}

// fuzzClient is one client of a fuzzer, with one connection at a time.
type fuzzClient struct {
	*fuzzer

	rand *rand.Rand
}

// chance returns true once in n calls on average.
func (a *fuzzClient) chance(in int) bool { return a.rand.IntN(in) == 0 }

// pick returns one of the values.
func pick[T any](a *fuzzClient, from ...T) T { return from[a.rand.IntN(len(from))] }

func (a *fuzzClient) user() string { return pick(a, a.users...) }

// bytes returns n random bytes.
func (a *fuzzClient) bytes(n int) []byte {
	out := make([]byte, n+8)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(out[i:], a.rand.Uint64())
	}
	return out[:n]
}

// connect opens a connection, sends frames and ends it.
func (a *fuzzClient) connect(ctx context.Context) {
	conn, err := net.Dial("tcp", pick(a, a.nodes...))
	if err != nil {
		return // the test checks that the nodes run
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(waitLimit))
	a.left.Add(-1)
	a.handshakes.Add(1)
	words, whole := a.handshake()
	if _, err := conn.Write(words); err != nil || a.chance(40) {
		return // without waiting for an answer
	}
	if !whole { // there may be no response
		_ = conn.SetReadDeadline(time.Now().Add(briefWait))
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		a.unanswered.Add(1)
		return
	}
	_ = res.Body.Close()
	_ = conn.SetReadDeadline(time.Now().Add(waitLimit))
	if res.StatusCode != http.StatusSwitchingProtocols {
		a.refused.Add(1)
		return
	}
	a.upgraded.Add(1)
	a.publish(ctx)
	var reading sync.WaitGroup
	if deaf := a.chance(20); !deaf {
		reading.Go(func() {
			n, _ := io.Copy(io.Discard, in)
			a.received.Add(n)
		})
	}
	a.sendFrames(conn)
	a.disconnect(conn.(*net.TCPConn), &reading)
	_ = conn.Close()
	reading.Wait()
}

// sendFrames sends frames until the node or the client closes the connection.
func (a *fuzzClient) sendFrames(conn net.Conn) {
	for range 1 + a.rand.IntN(60) {
		if a.left.Add(-1) < 0 {
			return
		}
		a.sent.Add(1)
		frame := a.frame()
		if a.chance(10) && len(frame) > 1 { // in two pieces
			cut := 1 + a.rand.IntN(len(frame)-1)
			if _, err := conn.Write(frame[:cut]); err != nil {
				return
			}
			frame = frame[cut:]
		}
		if _, err := conn.Write(frame); err != nil {
			return
		}
	}
}

// disconnect ends the connection with a close frame, a half close, a reset or without notice.
func (a *fuzzClient) disconnect(conn *net.TCPConn, reading *sync.WaitGroup) {
	switch a.rand.IntN(4) {
	case 0:
		_, _ = conn.Write(maskedFrame(0x88, []byte{0x03, 0xe8}))
		a.closed.Add(1)
		_ = conn.SetReadDeadline(time.Now().Add(briefWait))
		reading.Wait()
	case 1:
		_ = conn.CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(briefWait))
		reading.Wait()
	case 2:
		_ = conn.SetLinger(0) // a reset
	default:
	}
}

// publish sometimes publishes a message to a user.
func (a *fuzzClient) publish(ctx context.Context) {
	switch a.rand.IntN(60) {
	case 0, 1, 2:
		a.redis.Publish(ctx, "ws:"+a.user(), fmt.Sprintf(`{"event":"x","data":{"n":%d}}`, a.rand.Int()))
	case 3:
		a.redis.Publish(ctx, "ws:"+a.user(), a.bytes(a.rand.IntN(1000)))
	case 4:
		a.redis.Publish(ctx, "ws:"+a.user(), strings.Repeat("x", 1<<a.rand.IntN(19)))
	case 5:
		a.redis.Publish(ctx, "wsctl:disconnect", pick(a, a.user(), "", "\xff", "unknown", strings.Repeat("u", 5000)))
	default:
	}
}

// handshake returns a handshake, which is complete or not.
func (a *fuzzClient) handshake() (words []byte, whole bool) {
	h := a.request()
	switch a.rand.IntN(20) {
	case 0: // incomplete
		return []byte(h[:a.rand.IntN(len(h))]), false
	case 1: // some bits are inverted
		raw := []byte(h)
		for range 1 + a.rand.IntN(4) {
			raw[a.rand.IntN(len(raw))] ^= 1 << a.rand.IntN(8)
		}
		return raw, false
	case 2: // followed by a frame
		return append([]byte(h), a.frame()...), true
	case 3:
		return append(a.bytes(1+a.rand.IntN(300)), "\r\n\r\n"...), false
	case 4:
		return []byte(pick(a,
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\r\n\r\n\r\n\r\n",
			"GET /ws HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 70<<10)+"\r\n\r\n",
		)), false
	default:
		return []byte(h), true
	}
}

// request returns a handshake in which each line can be invalid.
func (a *fuzzClient) request() string {
	good := func(in int, value string, others ...string) string {
		if a.chance(in) {
			return pick(a, others...)
		}
		return value
	}
	method := good(60, "GET", "POST", "HEAD", "OPTIONS", "get", "CONNECT")
	query, authorization, protocols := a.credentials()
	target := good(60, "/ws", "/ws/", "/ws/x", "//ws", "/ws%2f", "*", "http://node/ws") + query
	lines := []string{
		method + " " + target + good(80, " HTTP/1.1", " HTTP/1.0", " HTTP/3", ""),
		good(80, "Host: node", "Host: a\r\nHost: b", "X: y"),
		good(60, "Connection: Upgrade", "Connection: close", "Connection: keep-alive, upgrade", "X: y"),
		good(60, "Upgrade: websocket", "Upgrade: h2c", "Upgrade: WebSocket, x", "X: y"),
		good(60, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Version: x", "X: y"),
		good(40, "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==", "Sec-WebSocket-Key: short", "Sec-WebSocket-Key:", "X: y"),
		good(10, "X: y", "Origin: http://localhost:5173", "Origin: http://evil.test", "Origin: null", "Origin: \x01", "Content-Length: 5", "Transfer-Encoding: chunked", "Expect: 100-continue"),
		good(2, "X: y", "Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8, x", "Sec-WebSocket-Extensions: ;;=,"),
	}
	return strings.Join(append(append(lines, authorization...), protocols...), "\r\n") + "\r\n\r\n"
}

// credentials returns a valid or invalid token in one or several places.
func (a *fuzzClient) credentials() (query string, authorization, protocols []string) {
	token := pick(a, a.good...)
	if a.chance(6) {
		token = pick(a, a.bad...)
	}
	query = pick(a, "", "", "", "?last_event_id=0", "?last_event_id=$", "?last_event_id=1-1", "?last_event_id=nonsense", "?%zz", "?token=")
	switch a.rand.IntN(4) {
	case 0:
		authorization = []string{"Authorization: Bearer " + token}
	case 1:
		protocols = []string{"Sec-WebSocket-Protocol: huleedu.notifications.v1, bearer." + token}
	default:
		query = pick(a, "?", "?last_event_id=0&", "?x=%00&") + "token=" + token
	}
	if a.chance(20) {
		protocols = append(protocols, "Sec-WebSocket-Protocol: "+pick(a, ",,,", "bearer.", "bearer.x", strings.Repeat("a, ", 2000)))
	}
	return query, authorization, protocols
}
