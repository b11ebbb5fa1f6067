package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// ManagerHarness brings an adapter of ports.ConnectionManager to its suite.
type ManagerHarness struct {
	// New returns a node without connections; t.Cleanup ends it.
	New func(t testing.TB) ManagerNode
}

// ManagerNode is one node with the door to it.
type ManagerNode struct {
	// Manager is what is tested. It takes at least ten small messages for a
	// connection that is being written to, and some megabytes at the most.
	Manager ports.ConnectionManager
	// Connect opens a connection of the user, through real sockets. It returns
	// when the client may rely on hearing what is sent from then on, or an error
	// when the node lets nobody in.
	Connect func(user domain.UserID) (ManagerClient, error)
}

// ManagerClient is the far end of a connection. It takes nothing from its
// socket but in Next.
type ManagerClient interface {
	// Next returns the next message. It waits at most some seconds. io.EOF: the
	// connection was ended in good order, after everything that was sent.
	Next() ([]byte, error)
	// Leave ends the connection from this side.
	Leave()
}

// ConnectionManager holds an adapter to the words of ports.ConnectionManager.
func ConnectionManager(t *testing.T, h ManagerHarness) {
	t.Run("nobody there", h.reachesNobody)
	t.Run("each connection of the user once, in order, nobody else", h.fansOut)
	t.Run("a message is left as it is", h.leavesMessageAlone)
	t.Run("connections are counted", h.counts)
	t.Run("a user is closed, after what is queued", h.closesUser)
	t.Run("a slow connection delays nobody", h.isolatesSlow)
	t.Run("drain lets messages out and nobody in", h.drains)
	t.Run("drain ends with its context", h.cutsDrainShort)
	t.Run("coming, going and sending at once", h.survivesRace)
}

func (h ManagerHarness) reachesNobody(t *testing.T) {
	node, user := h.New(t), freshUser()
	require.Zero(t, node.Manager.Send(say(user, "x")))
	require.Zero(t, node.Manager.Count(user))
	require.Zero(t, node.Manager.CloseUser(user, domain.Forbidden("Disconnected", nil)))
}

func (h ManagerHarness) fansOut(t *testing.T) {
	node, user, other := h.New(t), freshUser(), freshUser()
	clients := []ManagerClient{node.mustConnect(t, user), node.mustConnect(t, user), node.mustConnect(t, user)}
	stranger := node.mustConnect(t, other)
	for range 20 { // rounds that fit into any queue
		for i := range 10 {
			require.Equal(t, len(clients), node.Manager.Send(say(user, fmt.Sprint(i))), "a connection was lost")
		}
		for _, c := range clients {
			expectNumbers(t, c)
		}
	}
	require.Equal(t, 1, node.Manager.Send(say(other, "only you")))
	text, err := stranger.Next()
	require.NoError(t, err)
	require.Equal(t, "only you", string(text), "a message went to the wrong user")
}

func (h ManagerHarness) leavesMessageAlone(t *testing.T) {
	node, user := h.New(t), freshUser()
	a, b := node.mustConnect(t, user), node.mustConnect(t, user)
	want := `{"event":"é","data":{"n":1.0}}` + strings.Repeat(" ", 9000) + "\n"
	payload := []byte(want)
	require.Equal(t, 2, node.Manager.Send(domain.Message{User: user, Payload: payload, Received: time.Now()}))
	for _, c := range []ManagerClient{a, b} {
		got, err := c.Next()
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.Equal(t, want, string(payload))
}

func (h ManagerHarness) counts(t *testing.T) {
	node, one, two := h.New(t), freshUser(), freshUser()
	a := node.mustConnect(t, one)
	node.mustConnect(t, one)
	node.mustConnect(t, two)
	require.Equal(t, 2, node.Manager.Count(one))
	require.Equal(t, 1, node.Manager.Count(two))
	require.Equal(t, 3, node.Manager.Total())
	a.Leave()
	eventually(t, func() bool { return node.Manager.Count(one) == 1 && node.Manager.Total() == 2 })
}

func (h ManagerHarness) closesUser(t *testing.T) {
	node, user, other := h.New(t), freshUser(), freshUser()
	clients := []ManagerClient{node.mustConnect(t, user), node.mustConnect(t, user)}
	bystander := node.mustConnect(t, other)
	for i := range 10 {
		node.Manager.Send(say(user, fmt.Sprint(i)))
	}
	require.Equal(t, 2, node.Manager.CloseUser(user, domain.Forbidden("Disconnected", nil)))
	for _, c := range clients {
		expectNumbers(t, c)
		_, err := c.Next()
		require.ErrorIs(t, err, io.EOF)
	}
	eventually(t, func() bool { return node.Manager.Count(user) == 0 })
	require.Equal(t, 1, node.Manager.Send(say(other, "still here")))
	_, err := bystander.Next()
	require.NoError(t, err)
}

func (h ManagerHarness) isolatesSlow(t *testing.T) {
	node, user := h.New(t), freshUser()
	node.mustConnect(t, user) // never reads
	quick := node.mustConnect(t, user)
	filler := strings.Repeat("x", 100_000)
	const most = 2000
	heard := 0
	for ; heard < most && node.Manager.Count(user) == 2; heard++ {
		begin := time.Now()
		node.Manager.Send(say(user, fmt.Sprint(heard, " ", filler)))
		require.Less(t, time.Since(begin), time.Second, "Send waited for a connection")
		text, err := quick.Next()
		require.NoError(t, err, "a slow connection took another one with it")
		number, _, _ := strings.Cut(string(text), " ")
		require.Equal(t, fmt.Sprint(heard), number)
	}
	eventually(t, func() bool { return node.Manager.Count(user) == 1 })
	require.Equal(t, 1, node.Manager.Send(say(user, "after")))
	text, err := quick.Next()
	require.NoError(t, err)
	require.Equal(t, "after", string(text))
}

func (h ManagerHarness) drains(t *testing.T) {
	node := h.New(t)
	users := []domain.UserID{freshUser(), freshUser(), freshUser()}
	var heard sync.WaitGroup
	for _, user := range users {
		c := node.mustConnect(t, user)
		for i := range 10 {
			require.Equal(t, 1, node.Manager.Send(say(user, fmt.Sprint(i))))
		}
		heard.Go(func() {
			expectNumbers(t, c)
			if _, err := c.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("no good end, but %v", err)
			}
		})
	}
	require.NoError(t, node.Manager.Drain(t.Context()))
	heard.Wait()
	require.Zero(t, node.Manager.Total())
	_, err := node.Connect(freshUser())
	require.Error(t, err, "let in while draining")
	require.NoError(t, node.Manager.Drain(t.Context()), "draining again")
}

func (h ManagerHarness) cutsDrainShort(t *testing.T) {
	node, user := h.New(t), freshUser()
	node.mustConnect(t, user) // never answers
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	require.NoError(t, node.Manager.Drain(ctx), "a connection that was told to go is no failure")
	require.Less(t, time.Since(begin), 5*time.Second)
	eventually(t, func() bool { return node.Manager.Total() == 0 })
}

// survivesRace lets connections come and go while numbers are sent: each hears
// an unbroken run of them.
func (h ManagerHarness) survivesRace(t *testing.T) {
	node, user := h.New(t), freshUser()
	var done atomic.Bool
	var sender, clients sync.WaitGroup
	pace := time.NewTicker(500 * time.Microsecond)
	defer pace.Stop()
	sender.Go(func() {
		for i := 0; !done.Load(); i++ {
			<-pace.C
			node.Manager.Send(say(user, fmt.Sprint(i)))
			node.Manager.Count(user)
			node.Manager.Total()
		}
	})
	for range 4 {
		clients.Go(func() {
			for range 15 {
				c, err := node.Connect(user)
				if err != nil {
					t.Error(err)
					return
				}
				expectRun(t, c, 20)
				c.Leave()
			}
		})
	}
	clients.Wait()
	done.Store(true)
	sender.Wait()
	eventually(t, func() bool { return node.Manager.Total() == 0 })
}

// expectNumbers reads 0, 1, ... 9.
func expectNumbers(t *testing.T, c ManagerClient) {
	t.Helper()
	for i := range 10 {
		text, err := c.Next()
		if err != nil || string(text) != fmt.Sprint(i) {
			t.Errorf("message %d: %q, %v", i, text, err)
			return
		}
	}
}

// expectRun reads n numbers without a gap, whichever is first.
func expectRun(t *testing.T, c ManagerClient, n int) {
	t.Helper()
	last := -1
	for range n {
		text, err := c.Next()
		var number int
		_, scan := fmt.Sscan(string(text), &number)
		if err := errors.Join(err, scan); err != nil || last >= 0 && number != last+1 {
			t.Errorf("after %d came %q, %v", last, text, err)
			return
		}
		last = number
	}
}

func (n ManagerNode) mustConnect(t testing.TB, user domain.UserID) ManagerClient {
	t.Helper()
	c, err := n.Connect(user)
	require.NoError(t, err)
	t.Cleanup(c.Leave)
	return c
}

// BenchmarkConnectionManager measures one delivery to one connection: from Send
// to the client's having it.
func BenchmarkConnectionManager(b *testing.B, h ManagerHarness) {
	node, user := h.New(b), freshUser()
	c := node.mustConnect(b, user)
	m := say(user, strings.Repeat("x", 200))
	b.ReportAllocs()
	for b.Loop() {
		node.Manager.Send(m)
		if _, err := c.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func say(user domain.UserID, text string) domain.Message {
	return domain.Message{User: user, Payload: slices.Clip([]byte(text)), Received: time.Now()}
}

// eventually waits for what has no event to wait for.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, 2*time.Millisecond)
}
