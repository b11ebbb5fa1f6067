package memory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Bus is an in-memory notification bus for one process. It delivers messages to followed users
// and stores the newest notifications of each user. StartOutage and EndOutage simulate
// a broker that is unavailable.
type Bus struct {
	wake    chan struct{} // signals work to Run
	running atomic.Bool

	mu         sync.Mutex
	state      busState
	users      map[domain.UserID]int
	work       []func(ports.MessageHandler) // pending handler calls, in order
	lastActive time.Time                    // time of the last message
	logs       map[domain.UserID]*busLog
	limit      int // maximum entries of a user's log
}

// busState is the state of the simulated connection of a bus.
type busState uint8

const (
	busUp      busState = iota // busUp is a bus that stores and delivers messages.
	busDown                    // busDown is the state after StartOutage: calls fail until EndOutage.
	busStopped                 // busStopped is a bus whose Run has ended: calls fail.
)

var (
	_ ports.MessageListener       = (*Bus)(nil)
	_ ports.NotificationPublisher = (*Bus)(nil)
	_ ports.NotificationLog       = (*Bus)(nil)
	_ ports.HealthProbe           = (*Bus)(nil)
)

var (
	errBusDown    = errors.New("the bus is down")
	errBusStopped = errors.New("the bus has stopped")
	errBusRunning = errors.New("the bus is already running")
)

// defaultLogLimit is the default maximum number of entries in a user's log.
const defaultLogLimit = 256

// NewBus returns a bus. It queues messages until Run is called.
func NewBus() *Bus {
	return &Bus{
		limit: defaultLogLimit,
		wake:  make(chan struct{}, 1), lastActive: time.Now(),
		users: map[domain.UserID]int{}, logs: map[domain.UserID]*busLog{},
	}
}

// Follow adds a follower of the user. It never blocks. It returns an error while
// the bus is unavailable and after Run has returned.
func (b *Bus) Follow(_ context.Context, user domain.UserID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.unavailable(context.Background(), "memory.Follow"); err != nil {
		return err
	}
	b.users[user]++
	return nil
}

// Unfollow removes a follower of the user.
func (b *Bus) Unfollow(user domain.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users[user]--
	if b.users[user] <= 0 {
		delete(b.users, user)
	}
}

// Send publishes a direct message, as another service does. It reaches only users that
// are followed now and is not stored.
func (b *Bus) Send(user domain.UserID, payload []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.send(user, payload)
}

// send is Send for a caller that holds the lock.
func (b *Bus) send(user domain.UserID, payload []byte) {
	if b.state != busUp || b.users[user] == 0 {
		return
	}
	message := slices.Clone(payload)
	b.enqueue(func(h ports.MessageHandler) { h.Deliver(user, message) })
}

// Disconnect publishes an operator's request to disconnect the user.
func (b *Bus) Disconnect(user domain.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == busUp {
		b.enqueue(func(h ports.MessageHandler) { h.Disconnect(user) })
	}
}

// Check sends a request to check the connections of a user to every follower.
func (b *Bus) Check(user domain.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == busUp {
		b.enqueue(func(h ports.MessageHandler) { h.Check(user) })
	}
}

// enqueue adds a call of the handler, which Run makes. The caller holds the lock.
func (b *Bus) enqueue(work func(ports.MessageHandler)) {
	b.lastActive = time.Now()
	b.work = append(b.work, work)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run passes messages to the handler until ctx is done. A second call returns
// INITIALIZATION_FAILED.
func (b *Bus) Run(ctx context.Context, handler ports.MessageHandler) error {
	if !b.running.CompareAndSwap(false, true) {
		return domain.NotStarted("bus", errBusRunning).WithOp("memory.Run")
	}
	for {
		select {
		case <-ctx.Done():
			b.stop()
			return nil
		case <-b.wake:
		}
		b.mu.Lock()
		work := b.work
		b.work = nil
		b.mu.Unlock()
		for _, call := range work {
			call(handler)
		}
	}
}

func (b *Bus) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state, b.work = busStopped, nil
}

// StartOutage makes the bus unavailable: messages are lost, and Follow and Publish return an error.
func (b *Bus) StartOutage() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == busUp {
		b.state = busDown
	}
}

// EndOutage makes the bus available again and reports the gap of all followed users to the handler.
func (b *Bus) EndOutage() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != busDown {
		return
	}
	b.state = busUp
	gap := domain.Gap{Since: b.lastActive}
	for user := range b.users {
		gap.Users = append(gap.Users, user)
	}
	if len(gap.Users) > 0 {
		b.enqueue(func(h ports.MessageHandler) { h.Missed(gap) })
	}
}

// Health returns unhealthy while the bus is unavailable and after Run has returned.
func (b *Bus) Health(context.Context) domain.Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.unavailable(context.Background(), "memory.Health"); err != nil {
		return domain.Health{
			Name: "subscription", Condition: domain.Unhealthy, Note: "the subscription is down", Err: err,
		}
	}
	return domain.Health{Name: "subscription", Condition: domain.Healthy}
}

// unavailable returns a CONNECTION_ERROR after StartOutage, after Run has returned and if ctx is
// done. The caller holds the lock.
func (b *Bus) unavailable(ctx context.Context, op string) error {
	var cause error
	switch b.state {
	case busDown:
		cause = errBusDown
	case busStopped:
		cause = errBusStopped
	default:
		cause = ctx.Err()
	}
	if cause == nil {
		return nil
	}
	return domain.Unreachable("bus", cause).WithOp(op)
}
