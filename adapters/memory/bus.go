package memory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Bus carries messages to the users that its one process follows, and keeps
// their newest notifications. Break and Mend play an outage. The zero value is not
// ready: use NewBus.
type Bus struct {
	wake chan struct{} // tells Run of work

	mu      sync.Mutex
	state   busState
	running bool
	users   map[domain.UserID]int
	work    []func(ports.MessageHandler) // what Run will do, in order
	heard   time.Time                    // the last sign of life
	logs    map[domain.UserID]*busLog
	most    int // how many notifications a log holds
}

type busState uint8

const (
	busUp busState = iota
	busBroken
	busEnded
)

var (
	_ ports.MessageListener       = (*Bus)(nil)
	_ ports.NotificationPublisher = (*Bus)(nil)
	_ ports.NotificationLog       = (*Bus)(nil)
	_ ports.HealthProbe           = (*Bus)(nil)
)

var (
	errBusBroken = errors.New("the bus is broken")
	errBusEnded  = errors.New("the bus has ended")
	errBusTwice  = errors.New("the bus runs already")
)

// defaultMost is how many notifications a user's log holds.
const defaultMost = 256

// NewBus returns a bus that holds messages back until Run.
func NewBus() *Bus {
	return &Bus{
		most: defaultMost,
		wake: make(chan struct{}, 1), heard: time.Now(),
		users: map[domain.UserID]int{}, logs: map[domain.UserID]*busLog{},
	}
}

// Follow counts a follower of the user. It never waits.
func (b *Bus) Follow(_ context.Context, user domain.UserID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.problem(); err != nil {
		return domain.Unreachable("bus", err).At("memory.Follow")
	}
	b.users[user]++
	return nil
}

// Unfollow takes a follower of the user away.
func (b *Bus) Unfollow(user domain.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users[user]--
	if b.users[user] <= 0 {
		delete(b.users, user)
	}
}

// Send publishes as another service does: kept nowhere, for whoever follows the
// user now.
func (b *Bus) Send(user domain.UserID, payload []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.send(user, payload)
}

func (b *Bus) send(user domain.UserID, payload []byte) {
	if b.state != busUp || b.users[user] == 0 {
		return
	}
	own := slices.Clone(payload)
	b.do(func(h ports.MessageHandler) { h.Deliver(user, own) })
}

// Disconnect plays an operator who wants the user gone.
func (b *Bus) Disconnect(user domain.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == busUp {
		b.do(func(h ports.MessageHandler) { h.Disconnect(user) })
	}
}

// Check plays a node that refused the user a connection.
func (b *Bus) Check(user domain.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == busUp {
		b.do(func(h ports.MessageHandler) { h.Check(user) })
	}
}

func (b *Bus) do(work func(ports.MessageHandler)) {
	b.heard = time.Now()
	b.work = append(b.work, work)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Run hands messages to the handler until ctx is done. A second call returns
// INITIALIZATION_FAILED.
func (b *Bus) Run(ctx context.Context, handler ports.MessageHandler) error {
	b.mu.Lock()
	twice := b.running
	b.running = true
	b.mu.Unlock()
	if twice {
		return domain.NotStarted("bus", errBusTwice).At("memory.Run")
	}
	for {
		select {
		case <-ctx.Done():
			b.end()
			return nil
		case <-b.wake:
		}
		b.mu.Lock()
		work := b.work
		b.work = nil
		b.mu.Unlock()
		for _, w := range work {
			w(handler)
		}
	}
}

func (b *Bus) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state, b.work = busEnded, nil
}

// Break takes the technology away: what is sent is lost, and following and
// publishing fail.
func (b *Bus) Break() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == busUp {
		b.state = busBroken
	}
}

// Mend brings it back and tells the handler who may have missed something.
func (b *Bus) Mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != busBroken {
		return
	}
	b.state = busUp
	gap := domain.Gap{Since: b.heard}
	for user := range b.users {
		gap.Users = append(gap.Users, user)
	}
	if len(gap.Users) > 0 {
		b.do(func(h ports.MessageHandler) { h.Missed(gap) })
	}
}

// Health is unhealthy while the bus is broken or has ended.
func (b *Bus) Health(context.Context) domain.Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.problem(); err != nil {
		return domain.Health{
			Name: "subscription", Condition: domain.Unhealthy, Note: "the subscription is down",
			Err: domain.Unreachable("bus", err).At("memory.Health"),
		}
	}
	return domain.Health{Name: "subscription", Condition: domain.Healthy}
}

func (b *Bus) problem() error {
	switch b.state {
	case busBroken:
		return errBusBroken
	case busEnded:
		return errBusEnded
	default:
		return nil
	}
}
