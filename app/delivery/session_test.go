package delivery

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

var errTest = errors.New("a reason")

func testConfig() Config {
	return Config{QueueMessages: 3, QueueBytes: 1 << 10, DrainTimeout: 10 * time.Second, DrainSpread: time.Second}
}

// message returns a message to u1.
func message(payload string) domain.Message {
	return domain.Message{User: "u1", Payload: []byte(payload), Received: time.Now()}
}

func TestSessionSendsOneMessageAtATime(t *testing.T) {
	h, conn := newTestHub(testConfig()), newFakeConnection()
	conn.blocked = true
	s := h.open(t, "u1", conn)
	for _, text := range []string{"0", "1", "2"} {
		require.Equal(t, 1, h.Send(message(text)))
	}
	require.Empty(t, conn.messages(), "there is no connection yet")
	s.Attach()
	require.Equal(t, []string{"0"}, conn.messages())
	s.Sent()
	require.Equal(t, []string{"0", "1"}, conn.messages())
	s.Sent()
	s.Sent()
	require.Equal(t, []string{"0", "1", "2"}, conn.messages())
	conn.blocked = false
	require.Equal(t, 1, h.Send(message("3")))
	require.Equal(t, []string{"0", "1", "2", "3"}, conn.messages())
	h.end(s)
	require.Len(t, factsOf[domain.MessageSent](h), 4)
	require.Empty(t, factsOf[domain.MessageFailed](h))
}

func TestCloseFollowsTheQueuedMessages(t *testing.T) {
	h, conn := newTestHub(testConfig()), newFakeConnection()
	conn.blocked = true
	s := h.open(t, "u1", conn)
	s.Attach()
	h.Send(message("0"))
	h.Send(message("1"))
	s.Close(errTest)
	s.Close(ErrRestart)
	require.Zero(t, h.Send(message("2")), "a closing session accepts no message")
	require.Equal(t, []error{errTest}, conn.reasons(), "the first reason wins")
	require.Equal(t, 1, h.Total(), "the queue is not empty yet")
	s.Sent()
	require.Empty(t, conn.closed)
	s.Sent()
	require.ErrorIs(t, <-conn.closed, errTest)
	require.Equal(t, []string{"0", "1"}, conn.messages())
	require.Zero(t, h.Total(), "the lease is free before the connection is closed")
	h.end(s)
}

func TestAbortDropsTheQueuedMessages(t *testing.T) {
	h, conn := newTestHub(testConfig()), newFakeConnection()
	conn.blocked = true
	s := h.open(t, "u1", conn)
	s.Attach()
	h.Send(message("0"))
	h.Send(message("1"))
	s.Abort(errTest)
	require.ErrorIs(t, <-conn.closed, errTest)
	require.Empty(t, conn.aborted, "the reason was sent")
	h.end(s)
	require.Equal(t, []string{"0"}, conn.messages())
	require.Equal(t, []domain.MessageFailed{{Reason: domain.WriteFailed}, {Reason: domain.WriteFailed}}, factsOf[domain.MessageFailed](h))
}

func TestOverflowEndsTheSession(t *testing.T) {
	for name, attachFirst := range map[string]bool{"connected": true, "during the handshake": false} {
		t.Run(name, func(t *testing.T) {
			h, conn := newTestHub(testConfig()), newFakeConnection()
			conn.blocked = true
			s := h.open(t, "u1", conn)
			if attachFirst {
				s.Attach()
			}
			for range 3 {
				require.Equal(t, 1, h.Send(message("x")))
			}
			require.Zero(t, h.Send(message("x")))
			if !attachFirst {
				require.Empty(t, conn.closed)
				s.Attach()
			}
			require.ErrorIs(t, <-conn.closed, ErrSlowConsumer)
			h.end(s)
			require.Len(t, factsOf[domain.MessageFailed](h), 4)
			for _, fact := range factsOf[domain.MessageFailed](h) {
				require.Equal(t, domain.SlowConsumer, fact.Reason)
			}
		})
	}
}

func TestEndOfAHandshakeThatFailed(t *testing.T) {
	h := newTestHub(testConfig())
	s := h.open(t, "u1", newFakeConnection())
	s.Stop(errTest)
	_, accepted := s.End()
	require.False(t, accepted)
	require.Len(t, factsOf[domain.ConnectionRejected](h), 1)
	require.Empty(t, factsOf[domain.ConnectionEnded](h))
	require.Equal(t, []string{"acquire u1 s1", "follow u1", "unfollow u1", "release u1 s1"}, h.deps.recorded())
}

func TestPanicEndsTheSession(t *testing.T) {
	h, conn := newTestHub(testConfig()), newFakeConnection()
	s := h.open(t, "u1", conn)
	s.Attach()
	func() {
		defer s.Recover()
		panic("test")
	}()
	require.Equal(t, domain.UnknownError, domain.CodeOf(<-conn.closed))
	h.end(s)
}

// panickingConnection panics when it is to tell the client the reason.
type panickingConnection struct{ *fakeConnection }

func (panickingConnection) Close(error) bool { panic("close") }

func TestPanicOfTheCloseAbortsTheConnection(t *testing.T) {
	for _, attached := range []bool{true, false} {
		h, conn := newTestHub(testConfig()), newFakeConnection()
		s := h.open(t, "u1", conn)
		s.conn = panickingConnection{conn}
		if attached {
			s.Attach()
		}
		func() {
			defer s.Recover()
			panic("test")
		}()
		require.Equal(t, attached, len(conn.aborted) == 1)
		h.end(s)
	}
}

func TestCheckAsksTheConnectionsOfTheUser(t *testing.T) {
	h, conn, other := newTestHub(testConfig()), newFakeConnection(), newFakeConnection()
	one, two := h.open(t, "u1", conn), h.open(t, "u2", other)
	h.Reclaim(t.Context(), "u1")
	require.Equal(t, 1, conn.checked)
	require.Zero(t, other.checked)
	require.Contains(t, h.deps.recorded(), "reclaim u1")
	one.Dismiss()
	two.Dismiss()
}

func TestReplayWaitsForAReadableLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := newTestHub(testConfig()), newFakeConnection()
		s := h.open(t, "u1", conn)
		s.Attach()
		kept, err := h.bus.Publish(t.Context(), domain.Notification{EventID: "e1", User: "u1", Frame: []byte(`{"n":1}`)})
		require.NoError(t, err)
		h.log.broken.Store(true)
		h.Send(domain.Message{User: "u1", MissedSince: time.Now()})
		time.Sleep(10 * replayRetryInterval)
		synctest.Wait()
		require.Empty(t, conn.messages())
		h.log.broken.Store(false)
		time.Sleep(replayRetryInterval)
		synctest.Wait()
		require.Equal(t, []string{`{"n":1,"id":"` + kept.ID + `"}`}, conn.messages())

		h.log.broken.Store(true)
		h.Send(domain.Message{User: "u1", MissedSince: time.Now()})
		require.ErrorIs(t, <-conn.closed, errUnreadable, "the client reconnects after maxLogOutage")
		h.end(s)
	})
}
