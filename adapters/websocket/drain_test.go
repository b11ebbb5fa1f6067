package websocket_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// Clients that keep sending get everything that was queued and the close frame, and
// no reset.
func TestDrainOfSendingClients(t *testing.T) {
	const clients, messages = 50, 60
	c := settings()
	c.DrainSpread = 300 * time.Millisecond
	n := newNode(t, c)
	var ends sync.WaitGroup
	for i := range clients {
		user := domain.UserID(fmt.Sprint("u", i))
		conn := n.mustDial(t, user)
		go func() {
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			for conn.WriteMessage(gorilla.TextMessage, []byte("bla")) == nil {
				<-pace.C
			}
		}()
		for m := range messages {
			require.Equal(t, 1, n.manager.Send(domain.Message{User: user, Payload: []byte(fmt.Sprint(m)), Received: time.Now()}))
		}
		ends.Go(func() {
			for m := range messages {
				if text, err := conn.Next(); err != nil || string(text) != fmt.Sprint(m) {
					t.Errorf("message %d: %q, %v", m, text, err)
					return
				}
			}
			_, err := conn.Next()
			if !gorilla.IsCloseError(unjoin(err), 1012) {
				t.Errorf("no 1012, but %v", err)
			}
		})
	}
	begin := time.Now()
	require.NoError(t, n.manager.Drain(t.Context()))
	require.Greater(t, time.Since(begin), 250*time.Millisecond, "not spread")
	ends.Wait()
	n.awaitClean(t)
	require.Equal(t, clients, n.closes(1012))
	require.Equal(t, clients*messages, n.facts.Count(is[domain.MessageSent]))
	_, err := n.dial("late")
	require.ErrorIs(t, err, gorilla.ErrBadHandshake)
}

func unjoin(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[1]
	}
	return err
}

// A handshake in progress is completed before the drain ends, and its socket is
// closed like the others.
func TestDrainWaitsForHandshakes(t *testing.T) {
	n := newNode(t, settings())
	drained := make(chan error, 1)
	n.deps.during = func(domain.UserID) {
		go func() { drained <- n.manager.Drain(context.Background()) }()
		require.Eventually(t, func() bool {
			return n.facts.Count(is[domain.CloseCodeObserved]) == 1 // the drain has closed its session
		}, 5*time.Second, 10*time.Millisecond)
		if len(drained) > 0 {
			t.Error("did not wait for the handshake")
		}
	}
	end := n.mustDial(t, "u1").end(t)
	require.Equal(t, 1012, end.Code)
	require.Equal(t, `{"error_code":"SERVICE_UNAVAILABLE","message":"Service restart","correlation_id":"`+correlation+`"}`, end.Text)
	require.NoError(t, <-drained)
	n.awaitClean(t)
}

// A handshake that registers its session after the sockets were closed is refused.
func TestDrainRefusesNewHandshakes(t *testing.T) {
	drained := make(chan error, 1)
	n := newNode(t, settings(), func(n *node) {
		n.tokens.during = func() {
			go func() { drained <- n.manager.Drain(context.Background()) }()
			require.Eventually(t, func() bool {
				late, err := n.dialWith(&gorilla.Dialer{}, "", http.Header{"Origin": {"http://other.example"}})
				return err != nil && late.response.StatusCode == http.StatusServiceUnavailable
			}, 5*time.Second, time.Millisecond)
		}
	})
	c, err := n.dial("u1")
	require.ErrorIs(t, err, gorilla.ErrBadHandshake)
	require.Equal(t, http.StatusServiceUnavailable, c.response.StatusCode)
	require.NoError(t, <-drained)
	n.awaitClean(t)
}

func TestDrainAbortsUnresponsivePeers(t *testing.T) {
	c := settings()
	c.DrainTimeout, c.DrainSpread = 300*time.Millisecond, 0
	n := newNode(t, c)
	n.mustDial(t, "u1") // answers nothing, since it never reads
	begin := time.Now()
	require.NoError(t, n.manager.Drain(t.Context()), "it got its close frame")
	require.Less(t, time.Since(begin), 1200*time.Millisecond, "not cut, but waited for")
	n.awaitClean(t)
}
