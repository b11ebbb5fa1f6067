package httpclient_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/domain"
)

const goodBatch = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

// peer is a service on a socket that does as a test says: act is called for
// each request with the connection, how many connections came before it and how
// many requests came on it. It returns false to close the connection.
type peer struct {
	url string
	// gone is told of each connection that has ended.
	gone chan struct{}
	mu   sync.Mutex
	// conns is how many connections came.
	conns int
}

func answering(t *testing.T, act func(c net.Conn, r *http.Request, conn, request int) bool) *peer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &peer{url: "http://" + l.Addr().String(), gone: make(chan struct{}, 100)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			conn := p.conns
			p.conns++
			p.mu.Unlock()
			all.Go(func() {
				defer func() { _ = c.Close(); p.gone <- struct{}{} }()
				in := bufio.NewReader(c)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(in)
					if err != nil || !act(c, r, conn, n) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return p
}

func (p *peer) seen() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns
}

func say(c net.Conn, text string) { _, _ = io.WriteString(c, text) }

func (p *peer) client(t *testing.T, change ...func(*httpclient.Config)) *httpclient.Batches {
	t.Helper()
	c := config(p.url, p.url)
	for _, f := range change {
		f(&c)
	}
	return newBatches(t, c, &facts{})
}

func TestALineCarriesOneCallAfterTheOther(t *testing.T) {
	p := answering(t, func(c net.Conn, _ *http.Request, _, _ int) bool { say(c, goodBatch); return true })
	client := p.client(t)
	for range 5 {
		_, err := client.Status(t.Context(), anna(), "b1")
		require.NoError(t, err)
	}
	require.Equal(t, 1, p.seen())
	require.Equal(t, 1, client.Resting())
	client.Close()
	<-p.gone
	require.Zero(t, client.Resting())
	_, err := client.Status(t.Context(), anna(), "b1")
	require.NoError(t, err, "closing gives back what rests, no more")
	<-p.gone
}

// A connection that ended while it rested is no failure, for a write neither:
// it is found out before anything is sent.
func TestALineThatEndedAtRestIsNotUsed(t *testing.T) {
	var requests sync.WaitGroup
	p := answering(t, func(c net.Conn, r *http.Request, _, _ int) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		say(c, goodBatch)
		requests.Done()
		return false
	})
	client := p.client(t)
	for range 5 {
		requests.Add(1)
		_, err := client.SetPrompt(t.Context(), anna(), "b1", domain.PromptRef{})
		require.NoError(t, err)
		requests.Wait()
		<-p.gone
	}
	require.Equal(t, 5, p.seen())
}

// A connection that ends under a read costs a second try; a write is not sent
// twice.
func TestALineThatEndsUnderACall(t *testing.T) {
	act := func(c net.Conn, _ *http.Request, conn, n int) bool {
		if conn == 0 && n == 1 {
			return false
		}
		say(c, goodBatch)
		return true
	}
	p := answering(t, act)
	client := p.client(t)
	for range 2 {
		_, err := client.Status(t.Context(), anna(), "b1")
		require.NoError(t, err)
	}
	require.Equal(t, 2, p.seen())

	p = answering(t, act)
	client = p.client(t)
	_, err := client.SetPrompt(t.Context(), anna(), "b1", domain.PromptRef{})
	require.NoError(t, err)
	_, err = client.SetPrompt(t.Context(), anna(), "b1", domain.PromptRef{})
	require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
	require.Equal(t, 1, p.seen(), "sent once")
}

// What a service says without being asked is nobody's answer.
func TestWhatNobodyAskedForIsNobodysAnswer(t *testing.T) {
	forged := "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"user_id\":\"eve\"}"
	for name, later := range map[string]bool{"with the answer": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			said := make(chan struct{}, 10)
			p := answering(t, func(c net.Conn, _ *http.Request, _, _ int) bool {
				if later {
					say(c, goodBatch)
					time.AfterFunc(20*time.Millisecond, func() { say(c, forged); said <- struct{}{} })
					return true
				}
				say(c, goodBatch+forged)
				said <- struct{}{}
				return true
			})
			client := p.client(t)
			for i := range 3 {
				report, err := client.Status(t.Context(), anna(), "b1")
				require.NoError(t, err)
				require.Empty(t, report.Owner)
				<-said
				require.Equal(t, i+1, p.seen())
			}
		})
	}
}

// A large question is answered early, by somebody who takes no more of it.
func TestAnAnswerBeforeTheWholeQuestion(t *testing.T) {
	enough := make(chan struct{})
	p := answering(t, func(c net.Conn, _ *http.Request, _, _ int) bool {
		say(c, "HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		<-enough
		return false
	})
	client := p.client(t)
	ids := make([]string, 200_000)
	for i := range ids {
		ids[i] = strings.Repeat("e", 60)
	}
	reply, err := client.Register(t.Context(), anna(), domain.Registration{EssayIDs: ids})
	close(enough)
	require.NoError(t, err)
	require.Equal(t, 413, reply.Status)
}

func TestALargeQuestionArrivesWhole(t *testing.T) {
	s := serve(t, 201, `{}`)
	client := s.client(t)
	ids := []string{strings.Repeat("e", 1<<20)}
	for range 2 {
		_, err := client.Register(t.Context(), anna(), domain.Registration{EssayIDs: ids})
		require.NoError(t, err)
		require.Contains(t, string(s.received), ids[0])
	}
}

// A body that comes by and by is waited for, within the limit; a caller who
// leaves ends the wait, and the line with it.
func TestSlowAnswers(t *testing.T) {
	rest := make(chan struct{})
	p := answering(t, func(c net.Conn, _ *http.Request, _, _ int) bool {
		say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
		<-rest
		say(c, "}")
		return true
	})
	client := p.client(t, func(c *httpclient.Config) { c.Timeout = 150 * time.Millisecond })
	_, err := client.Status(t.Context(), anna(), "b1")
	require.Equal(t, domain.Timeout, domain.CodeOf(err))
	require.Zero(t, client.Resting())

	ctx, leave := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, leave)
	_, err = client.Status(ctx, anna(), "b1")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, client.Resting())

	close(rest)
	_, err = client.Status(t.Context(), anna(), "b1")
	require.NoError(t, err)
	require.Equal(t, 3, p.seen())
}

func TestEncryptedLines(t *testing.T) {
	var mu sync.Mutex
	from := map[string]int{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		from[r.RemoteAddr]++
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"user_id":"teacher-anna","pad":"`+strings.Repeat("p", 30_000)+`"}`)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	client := newBatches(t, config(s.URL, s.URL), &facts{})
	_, err := client.Status(t.Context(), anna(), "b1")
	require.Equal(t, domain.ConnectionError, domain.CodeOf(err), "nobody vouches for it")

	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	client.Trust(roots)
	for range 4 {
		report, err := client.Status(t.Context(), anna(), "b1")
		require.NoError(t, err)
		require.Equal(t, domain.UserID("teacher-anna"), report.Owner)
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, from, 1, "one line for all: %v", from)
}

func TestAddressesOfEveryKind(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	hosts := make(chan string, 1)
	s := &httptest.Server{Listener: l, Config: &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			hosts <- r.Host + r.URL.EscapedPath()
			_, _ = io.WriteString(w, `{}`)
		})}}
	s.Start()
	t.Cleanup(s.Close)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // not for us
	client := newBatches(t, config(s.URL+"/behind%20it/", ""), &facts{})
	_, err = client.Status(t.Context(), anna(), "1 ä")
	require.NoError(t, err)
	require.Equal(t, l.Addr().String()+"/behind%20it/internal/v1/batches/1%20%C3%A4/status", <-hosts)
}
