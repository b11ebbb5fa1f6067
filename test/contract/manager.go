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

// ManagerHarness configures the suite for an adapter of ports.ConnectionManager.
type ManagerHarness struct {
	// New returns a node without connections. t.Cleanup must stop it.
	New func(t testing.TB) ManagerNode
}

// ManagerNode is one node and a way to connect to it.
type ManagerNode struct {
	// Manager is the tested adapter. Per connection it queues at least ten small
	// messages and at most some megabytes.
	Manager ports.ConnectionManager
	// Connect opens a connection of the user through real sockets. It returns when the
	// client receives all further messages, or an error when the node rejects it.
	Connect func(user domain.UserID) (ManagerClient, error)
}

// ManagerClient is the client of a connection. It reads from its socket only in Next.
type ManagerClient interface {
	// Next returns the next message. It waits at most some seconds. It returns io.EOF
	// when the connection was closed normally after all messages.
	Next() ([]byte, error)
	// Leave closes the connection.
	Leave()
}

// ConnectionManager tests an adapter against the comments of ports.ConnectionManager.
func ConnectionManager(t *testing.T, h ManagerHarness) {
	t.Run("no connections", h.noConnections)
	t.Run("sends once and in order to each connection of the user only", h.fansOut)
	t.Run("does not change the message", h.leavesMessageAlone)
	t.Run("counts connections", h.counts)
	t.Run("lists the connections of a user", h.lists)
	t.Run("CloseUser sends queued messages first", h.closesUser)
	t.Run("a slow connection does not delay others", h.isolatesSlow)
	t.Run("Drain sends queued messages and rejects new connections", h.drains)
	t.Run("Drain returns when its context is done", h.stopsDrainWithContext)
	t.Run("connects, disconnects and sends concurrently", h.sendsConcurrently)
}

func (h ManagerHarness) noConnections(t *testing.T) {
	node, user := h.New(t), freshUser()
	require.Zero(t, node.Manager.Send(newMessage(user, "x")))
	require.Zero(t, node.Manager.Total())
	require.Zero(t, node.Manager.CloseUser(user, domain.Forbidden("Disconnected", nil)))
}

func (h ManagerHarness) fansOut(t *testing.T) {
	node, user, other := h.New(t), freshUser(), freshUser()
	clients := []ManagerClient{node.mustConnect(t, user), node.mustConnect(t, user), node.mustConnect(t, user)}
	otherClient := node.mustConnect(t, other)
	for range 20 { // each round fits into the queue
		for i := range 10 {
			require.Equal(t, len(clients), node.Manager.Send(newMessage(user, fmt.Sprint(i))), "a connection is missing")
		}
		for _, c := range clients {
			expectNumbers(t, c)
		}
	}
	require.Equal(t, 1, node.Manager.Send(newMessage(other, "other")))
	text, err := otherClient.Next()
	require.NoError(t, err)
	require.Equal(t, "other", string(text), "received a message for another user")
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
	require.Equal(t, 2, node.Manager.Send(newMessage(one, "x")))
	require.Equal(t, 1, node.Manager.Send(newMessage(two, "x")))
	require.Equal(t, 3, node.Manager.Total())
	a.Leave()
	eventually(t, func() bool { return node.Manager.Total() == 2 })
	require.Equal(t, 1, node.Manager.Send(newMessage(one, "x")))
}

// lists tests the adapter as a ports.ConnectionLister.
func (h ManagerHarness) lists(t *testing.T) {
	node, user, other := h.New(t), freshUser(), freshUser()
	lister, is := node.Manager.(ports.ConnectionLister)
	require.True(t, is)
	require.Empty(t, lister.Connections(user))
	began := time.Now()
	a := node.mustConnect(t, user)
	node.mustConnect(t, user)
	node.mustConnect(t, other)
	seen := lister.Connections(user)
	require.Len(t, seen, 2)
	require.NotEqual(t, seen[0].Session, seen[1].Session)
	for _, c := range seen {
		require.WithinRange(t, c.Since, began, time.Now())
		require.NotEmpty(t, c.Transport)
	}
	a.Leave()
	eventually(t, func() bool { return len(lister.Connections(user)) == 1 })
	require.Equal(t, seen[1].Session, lister.Connections(user)[0].Session)
}

func (h ManagerHarness) closesUser(t *testing.T) {
	node, user, other := h.New(t), freshUser(), freshUser()
	clients := []ManagerClient{node.mustConnect(t, user), node.mustConnect(t, user)}
	otherClient := node.mustConnect(t, other)
	for i := range 10 {
		node.Manager.Send(newMessage(user, fmt.Sprint(i)))
	}
	require.Equal(t, 2, node.Manager.CloseUser(user, domain.Forbidden("Disconnected", nil)))
	for _, c := range clients {
		expectNumbers(t, c)
		_, err := c.Next()
		require.ErrorIs(t, err, io.EOF)
	}
	eventually(t, func() bool { return node.Manager.Total() == 1 })
	require.Zero(t, node.Manager.Send(newMessage(user, "closed")))
	require.Equal(t, 1, node.Manager.Send(newMessage(other, "still here")))
	_, err := otherClient.Next()
	require.NoError(t, err)
}

func (h ManagerHarness) isolatesSlow(t *testing.T) {
	node, user := h.New(t), freshUser()
	node.mustConnect(t, user) // never reads
	quick := node.mustConnect(t, user)
	filler := strings.Repeat("x", 100_000)
	const most = 2000
	received := 0
	for ; received < most && node.Manager.Total() == 2; received++ {
		begin := time.Now()
		node.Manager.Send(newMessage(user, fmt.Sprint(received, " ", filler)))
		require.Less(t, time.Since(begin), time.Second, "Send waited for a connection")
		text, err := quick.Next()
		require.NoError(t, err, "a slow connection closed another one")
		number, _, _ := strings.Cut(string(text), " ")
		require.Equal(t, fmt.Sprint(received), number)
	}
	eventually(t, func() bool { return node.Manager.Total() == 1 })
	require.Equal(t, 1, node.Manager.Send(newMessage(user, "after")))
	text, err := quick.Next()
	require.NoError(t, err)
	require.Equal(t, "after", string(text))
}

func (h ManagerHarness) drains(t *testing.T) {
	node := h.New(t)
	users := []domain.UserID{freshUser(), freshUser(), freshUser()}
	var received sync.WaitGroup
	for _, user := range users {
		c := node.mustConnect(t, user)
		for i := range 10 {
			require.Equal(t, 1, node.Manager.Send(newMessage(user, fmt.Sprint(i))))
		}
		received.Go(func() {
			expectNumbers(t, c)
			if _, err := c.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("want io.EOF, got %v", err)
			}
		})
	}
	require.NoError(t, node.Manager.Drain(t.Context()))
	received.Wait()
	require.Zero(t, node.Manager.Total())
	_, err := node.Connect(freshUser())
	require.Error(t, err, "accepted a connection while draining")
	require.NoError(t, node.Manager.Drain(t.Context()), "second Drain")
}

func (h ManagerHarness) stopsDrainWithContext(t *testing.T) {
	node, user := h.New(t), freshUser()
	node.mustConnect(t, user) // never reads
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	require.NoError(t, node.Manager.Drain(ctx), "a forced close is not an error")
	require.Less(t, time.Since(begin), 5*time.Second)
	eventually(t, func() bool { return node.Manager.Total() == 0 })
}

// sendsConcurrently opens and closes connections while numbers are sent. Each connection
// must receive consecutive numbers.
func (h ManagerHarness) sendsConcurrently(t *testing.T) {
	node, user := h.New(t), freshUser()
	var done atomic.Bool
	var sender, clients sync.WaitGroup
	pace := time.NewTicker(500 * time.Microsecond)
	defer pace.Stop()
	sender.Go(func() {
		for i := 0; !done.Load(); i++ {
			<-pace.C
			node.Manager.Send(newMessage(user, fmt.Sprint(i)))
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

// expectNumbers reads the messages 0 to 9.
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

// expectRun reads n consecutive numbers, starting with any number.
func expectRun(t *testing.T, c ManagerClient, n int) {
	t.Helper()
	last := -1
	for range n {
		text, err := c.Next()
		var number int
		_, scan := fmt.Sscan(string(text), &number)
		if err := errors.Join(err, scan); err != nil || last >= 0 && number != last+1 {
			t.Errorf("got %[2]q after %[1]d: %[3]v", last, text, err)
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

func newMessage(user domain.UserID, text string) domain.Message {
	return domain.Message{User: user, Payload: slices.Clip([]byte(text)), Received: time.Now()}
}

// eventually polls a condition that has no event.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, 2*time.Millisecond)
}
