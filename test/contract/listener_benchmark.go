package contract

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// counter is a handler that counts messages.
type counter struct {
	n    atomic.Int64
	goal atomic.Int64
	met  chan struct{}
}

func (c *counter) Deliver(domain.UserID, []byte) {
	if c.n.Add(1) == c.goal.Load() {
		c.met <- struct{}{}
	}
}

func (c *counter) Missed(domain.Gap) {}

// Disconnect does nothing.
func (c *counter) Disconnect(domain.UserID) {}

func (c *counter) Check(domain.UserID) {}

// BenchmarkMessageListener measures the delivery through the listener ("deliver": one
// operation is one message to one of 64 users, sent in batches of 500 by two
// concurrent senders) and concurrent subscriptions ("follow": one operation is 5,000
// users, one goroutine each).
func BenchmarkMessageListener(b *testing.B, h ListenerHarness) {
	b.Run("deliver", h.measureDelivery)
	b.Run("follow", h.measureStorm)
}

func (h ListenerHarness) measureDelivery(b *testing.B) {
	rig, c := h.New(b), &counter{met: make(chan struct{}, 1)}
	runListener(b, rig.Listener, c)
	users := make([]domain.UserID, 64)
	for i := range users {
		users[i] = freshUser()
		require.NoError(b, rig.Listener.Follow(b.Context(), users[i]))
	}
	batch := make([]string, 500)
	for i := range batch {
		batch[i] = `{"event":"e","data":"` + strings.Repeat("x", 300) + `"}`
	}
	c.goal.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var sent atomic.Int64
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for {
				upto := sent.Add(int64(len(batch)))
				excess := min(max(upto-int64(b.N), 0), int64(len(batch)))
				if excess == int64(len(batch)) {
					return
				}
				rig.Send(users[upto/500%64], batch[excess:]...)
			}
		})
	}
	<-c.met
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func (h ListenerHarness) measureStorm(b *testing.B) {
	const storm = 5000
	rig, c := h.New(b), &counter{met: make(chan struct{}, 1)}
	runListener(b, rig.Listener, c)
	took := newLatencies(b.N * storm)
	for b.Loop() {
		users := make([]domain.UserID, storm)
		for i := range users {
			users[i] = freshUser()
		}
		var group sync.WaitGroup
		for _, user := range users {
			group.Go(func() {
				startedAt := time.Now()
				if err := rig.Listener.Follow(context.Background(), user); err != nil {
					b.Error(err)
				}
				took.add(time.Since(startedAt))
			})
		}
		group.Wait()
		for _, user := range users {
			rig.Listener.Unfollow(user)
		}
	}
	took.report(b)
}

// BenchmarkNotificationPublisher measures one publish, sequentially and with 64
// callers for 64 users.
func BenchmarkNotificationPublisher(b *testing.B, h NotifierHarness) {
	rig := h.New(b)
	publish := func(user domain.UserID) {
		if _, err := rig.Publisher.Publish(context.Background(), sampleNotification(user)); err != nil {
			b.Error(err)
		}
	}
	b.Run("alone", func(b *testing.B) {
		user := freshUser()
		b.ReportAllocs()
		for b.Loop() {
			publish(user)
		}
	})
	b.Run("64 callers", func(b *testing.B) {
		b.SetParallelism(32) // on two cores
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for user := freshUser(); pb.Next(); {
				publish(user)
			}
		})
	})
}
