package websocket_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// holdClients opens the given number of connections, one per user u0, u1, ...,
// prints a line, and reads until its standard input ends.
func holdClients(addr, number string) {
	n, _ := strconv.Atoi(number)
	for i := range n {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_, err = io.WriteString(conn, handshake("u"+strconv.Itoa(i)))
		}
		if err == nil {
			err = skipHeaders(conn)
		}
		if err != nil {
			fmt.Println("failed", i, err)
			return
		}
		go func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{conn}) }()
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func skipHeaders(conn net.Conn) error {
	var seen []byte
	for !bytes.HasSuffix(seen, []byte("\r\n\r\n")) {
		one := make([]byte, 1)
		if _, err := io.ReadFull(conn, one); err != nil {
			return err
		}
		seen = append(seen, one...)
	}
	if !bytes.HasPrefix(seen, []byte("HTTP/1.1 101")) {
		return fmt.Errorf("%s", seen)
	}
	return nil
}

// startClients runs the clients in another process until the test ends.
func startClients(t testing.TB, addr string, n int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self, "clients", addr, strconv.Itoa(n))
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = child.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open\n", line)
}

const (
	fans      = 200 // connections of BenchmarkDelivery
	frameSize = 300 // bytes of each message
)

// BenchmarkDelivery compares the CPU time of one delivery through the manager with a
// bare gorilla write from the sender's goroutine. The clients run in another
// process.
func BenchmarkDelivery(b *testing.B) {
	b.Run("manager", benchmarkManager)
	b.Run("bare", benchmarkBare)
}

func benchmarkManager(b *testing.B) {
	c := settings()
	c.SendQueueMessages = 8 * fans // a busy machine can leave one writer behind
	n := newNode(b, c, func(n *node) { n.facts.mute = true })
	startClients(b, n.server.Listener.Addr().String(), fans)
	messages := make([]domain.Message, fans)
	for i := range messages {
		messages[i] = domain.Message{User: domain.UserID("u" + strconv.Itoa(i)), Payload: bytes.Repeat([]byte("x"), frameSize), Received: time.Now()}
	}
	begin := cpu()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		for n.facts.sent.Load()+8*fans < int64(i) {
			runtime.Gosched()
		}
		if n.manager.Send(messages[i%fans]) != 1 {
			b.Fatal("a connection was lost")
		}
		i++
	}
	require.Eventually(b, func() bool { return n.facts.sent.Load() == int64(i) }, 10*time.Second, time.Millisecond)
	b.ReportMetric(float64(cpu()-begin)/float64(b.N), "cpu-ns/delivery")
}

func benchmarkBare(b *testing.B) {
	var mu sync.Mutex
	var conns []*gorilla.Conn
	up := gorilla.Upgrader{ReadBufferSize: 256, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err == nil {
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	})}
	go func() { _ = server.Serve(listener) }()
	startClients(b, listener.Addr().String(), fans)
	payload := bytes.Repeat([]byte("x"), frameSize)
	begin := cpu()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := conns[i%fans].WriteMessage(gorilla.TextMessage, payload); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(cpu()-begin)/float64(b.N), "cpu-ns/delivery")
	_ = server.Close()
	for _, c := range conns {
		_ = c.Close()
	}
}
