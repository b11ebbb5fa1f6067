package sse

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/internal/clientconn"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// pipe is a stream whose connection is a pipe without a buffer: a write ends when the
// client reads.
type pipe struct {
	*Manager
	stream *stream
	facts  *memory.Facts
	far    net.Conn
	in     *bufio.Reader
}

// openPipe serves a stream of the user u1.
func openPipe(t *testing.T, expires time.Time, observer func(ports.Observer) ports.Observer) *pipe {
	t.Helper()
	facts, bus := &memory.Facts{}, memory.NewBus()
	m := NewManager(Config{
		Delivery:           delivery.Config{QueueMessages: 4, QueueBytes: 1 << 20, DrainTimeout: 20 * time.Second},
		CloseOnTokenExpiry: true,
	}, delivery.Parts{
		Admission: delivery.NewAdmission(0, nil), Quota: memory.NewQuota(5), Listener: bus, History: bus,
		Observer: observer(facts), Log: slog.New(slog.DiscardHandler),
	}, noop.NewTracerProvider())
	near, far := net.Pipe()
	t.Cleanup(func() { _ = far.Close() })
	require.True(t, m.Enter())
	s := newStream(m, domain.Caller{User: "u1", Expires: expires})
	session, err := m.Open(t.Context(), delivery.SessionRequest{User: "u1", ID: "s1", Conn: s})
	require.NoError(t, err)
	s.session = session
	s.conn.SetConn(near, time.Minute)
	go s.run([]byte("head\nretry: 1000\n\n"))
	return &pipe{m, s, facts, far, bufio.NewReader(far)}
}

func unchanged(o ports.Observer) ports.Observer { return o }

// lines reads the number of lines that are not empty.
func (p *pipe) lines(t *testing.T, n int) (out []string) {
	t.Helper()
	for len(out) < n {
		line, err := p.in.ReadString('\n')
		require.NoError(t, err)
		if line != "\n" {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// send sends the message "x" to the user.
func (p *pipe) send() int {
	return p.Send(domain.Message{User: "u1", Payload: []byte("x")})
}

// awaitEnd waits until the node holds nothing of the stream.
func (p *pipe) awaitEnd(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Drain(context.Background()))
	require.Zero(t, p.Total())
}

func (p *pipe) closes() (codes []int) {
	for _, fact := range p.facts.All() {
		if c, is := fact.(domain.CloseCodeObserved); is {
			codes = append(codes, c.Code)
		}
	}
	return codes
}

func TestComments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := openPipe(t, time.Time{}, unchanged)
		p.lines(t, 2)
		for range 3 {
			began := time.Now()
			require.Equal(t, []string{":"}, p.lines(t, 1))
			require.Equal(t, 15*time.Second, time.Since(began))
		}
		p.Check("u1")
		began := time.Now()
		require.Equal(t, []string{":"}, p.lines(t, 1))
		require.Zero(t, time.Since(began), "a check does not wait for the next comment")
		require.NoError(t, p.far.Close())
		synctest.Wait()
		p.awaitEnd(t)
		require.Empty(t, p.closes(), "the service closes no connection when a client leaves")
	})
}

func TestStreamEndsWhenTheTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := openPipe(t, began.Add(50*time.Second), unchanged)
		rest := p.lines(t, 2+3+2) // head and retry, three comments, the close
		require.Equal(t, 50*time.Second, time.Since(began))
		require.Equal(t, "event: close", rest[5])
		end, err := io.ReadAll(p.in)
		require.NoError(t, err)
		require.Equal(t, "\n", string(end), "nothing follows the close")
		p.awaitEnd(t)
		require.Equal(t, []int{1008}, p.closes())
	})
}

// TestStalledClients checks how long a client that reads nothing keeps its stream.
func TestStalledClients(t *testing.T) {
	for name, c := range map[string]struct {
		act   func(p *pipe)
		lasts time.Duration
		code  int
	}{
		"idle":    {func(*pipe) {}, commentInterval + clientconn.WriteTimeout, 4002},
		"message": {func(p *pipe) { p.send() }, clientconn.WriteTimeout, 4002},
		"overflow": {func(p *pipe) {
			for p.send() == 1 {
			}
		}, closeTimeout, 4001},
		"operator": {func(p *pipe) {
			p.send()
			synctest.Wait()
			p.CloseUser("u1", domain.Forbidden("Disconnected", nil))
		}, flushTimeout, 4003},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := openPipe(t, time.Time{}, unchanged)
				p.lines(t, 2)
				_, err := p.in.ReadString('\n') // the end of the first event
				require.NoError(t, err)
				began := time.Now()
				c.act(p)
				for p.facts.Count(func(f domain.Fact) bool { _, is := f.(domain.ConnectionEnded); return is }) == 0 {
					<-time.NewTimer(time.Millisecond).C
				}
				require.InDelta(t, c.lasts.Seconds(), time.Since(began).Seconds(), 0.01)
				require.Equal(t, []int{c.code}, p.closes())
				p.awaitEnd(t)
			})
		})
	}
}

// panicking is an observer that panics for sent messages.
type panicking struct{ ports.Observer }

func (o panicking) Observe(f domain.Fact) {
	if _, is := f.(domain.MessageSent); is {
		panic("the observer broke")
	}
	o.Observer.Observe(f)
}

func TestPanicEndsOneStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := openPipe(t, time.Time{}, func(o ports.Observer) ports.Observer { return panicking{o} })
		p.lines(t, 2)
		require.Equal(t, 1, p.send())
		rest := p.lines(t, 3)
		require.Equal(t, "data: x", rest[0])
		require.Equal(t, "event: close", rest[1])
		require.Contains(t, rest[2], `{"code":1011,`)
		p.awaitEnd(t)
	})
}
