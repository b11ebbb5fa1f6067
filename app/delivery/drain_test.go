package delivery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestAdmissionLimitsSessionsOnly(t *testing.T) {
	a := &Admission{limit: 2}
	require.True(t, a.Enter())
	require.True(t, a.Enter())
	require.False(t, a.Enter(), "the limit is reached")
	a.BeginWork()
	a.Leave()
	require.True(t, a.Enter(), "work does not count")
	a.Leave()
	a.Leave()
	idle := a.close()
	require.False(t, a.Enter(), "it is closed")
	require.False(t, a.isOpen())
	select {
	case <-idle:
		t.Fatal("the work is not awaited")
	default:
	}
	a.EndWork()
	<-idle
	require.Equal(t, idle, a.close())
	a.BeginWork() // work that a session began when it ended
	a.EndWork()
}

func TestAdmissionAsksForEachHandshake(t *testing.T) {
	allowed := true
	a := NewAdmission(0, func() bool { return allowed })
	require.True(t, a.Enter())
	allowed = false
	require.False(t, a.Enter())
}

func TestDrainIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(testConfig())
		for range 4 {
			conn := newFakeConnection()
			s := h.open(t, "u1", conn)
			s.Attach()
			go func() {
				if err := <-conn.closed; !errors.Is(err, ErrRestart) {
					t.Error(err)
				}
				h.end(s)
			}()
		}
		begin := time.Now()
		require.NoError(t, h.Drain(t.Context()))
		require.Equal(t, 750*time.Millisecond, time.Since(begin), "the last of four is closed after three quarters of the spread")
		require.NoError(t, h.Drain(t.Context()), "a second drain")
		require.False(t, h.Enter())
	})
}

func TestDrainAbortsWhatDoesNotEnd(t *testing.T) {
	for name, ends := range map[string]bool{"ends when aborted": true, "never ends": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, conn, closing := newTestHub(testConfig()), newFakeConnection(), newFakeConnection()
				conn.blocked = true
				one, two := h.open(t, "u1", conn), h.open(t, "u2", closing)
				one.Attach()
				two.Attach()
				h.Send(message("x"))
				two.Close(errTest)
				synctest.Wait()
				require.Equal(t, 1, h.Total(), "the other one is closing already")
				go func() {
					<-conn.aborted
					<-closing.aborted
					if ends {
						h.end(one)
						h.end(two)
					}
				}()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begin := time.Now()
				err := h.Drain(ctx)
				if ends {
					require.NoError(t, err)
					require.Equal(t, h.config.DrainTimeout, time.Since(begin))
					return
				}
				require.Equal(t, domain.Timeout, domain.CodeOf(err))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, h.config.DrainTimeout+abortTimeout, time.Since(begin))
			})
		})
	}
}

func TestRegistryListsAreNotChanged(t *testing.T) {
	r := newRegistry()
	allowed := func() bool { return true }
	one, two := &Session{User: "u1"}, &Session{User: "u1"}
	require.True(t, r.add(one, allowed))
	before := r.sessions("u1")
	require.True(t, r.add(two, allowed))
	both := r.sessions("u1")
	r.remove(one)
	require.Equal(t, []*Session{one}, before)
	require.Equal(t, []*Session{one, two}, both)
	require.Equal(t, []*Session{two}, r.sessions("u1"))
	require.Equal(t, []*Session{two}, r.all())
	require.ElementsMatch(t, both, r.unfinished())
	r.forget(one)
	r.discard(two)
	require.Empty(t, r.unfinished())
	require.Zero(t, r.count())
	require.False(t, r.add(one, func() bool { return false }))
	require.Zero(t, r.count())
}

func TestWorkersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		admission := &Admission{}
		w := workers{admission: admission, limit: 2}
		begin, done := time.Now(), 0
		for range 5 {
			w.submit(func() {
				time.Sleep(time.Second)
				w.mu.Lock()
				defer w.mu.Unlock()
				done++
			})
		}
		<-admission.close()
		require.Equal(t, 5, done)
		require.Equal(t, 3*time.Second, time.Since(begin))
		synctest.Wait()
		require.Zero(t, w.running)
	})
}
