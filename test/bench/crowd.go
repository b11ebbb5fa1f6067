package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is users with a socket each, and what they have received in the phase
// that is being measured.
type crowd struct {
	server  *process
	members []*member
	phase   atomic.Int64
	arrived atomic.Int64
	lastAt  atomic.Int64 // nanoseconds, of the newest arrival
	// some is told now and then that messages arrived.
	some chan struct{}
	lost atomic.Int64 // sockets that ended before the crowd left
	// leaving is set when the ends of sockets are our own doing.
	leaving atomic.Bool
	readers sync.WaitGroup
}

// member is one of them. The lock is between its reader and who counts.
type member struct {
	user   user
	socket *socket
	deaf   atomic.Bool // reads no more
	mu     sync.Mutex
	phase  int64
	seen   []bool
	newest int64
	wrong  wrongs
	took   []float64
}

// wrongs counts what must not happen to messages.
type wrongs struct{ lost, doubled, disordered int }

// gather opens a socket for each user, so many at once, and returns when all
// are open. The first, so many, have little room for what they do not read.
func gather(ctx context.Context, p *process, users []user, atOnce, small int) (*crowd, error) {
	c := &crowd{server: p, members: make([]*member, len(users)), some: make(chan struct{}, 1)}
	for i, u := range users {
		c.members[i] = &member{user: u}
	}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	for range min(atOnce, len(users)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(users) && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				s, err := newcomer(ctx, p.addr, users[i].token, i, i < small)
				if err != nil {
					err = fmt.Errorf("socket %d: %w", i, err)
					failed.Store(&err)
					return
				}
				c.members[i].socket = s
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		c.leave()
		return nil, *err
	}
	for _, m := range c.members {
		c.readers.Go(func() { c.read(m) })
	}
	return c, nil
}

func (c *crowd) read(m *member) {
	for {
		message, err := m.socket.next()
		if err != nil {
			if !c.leaving.Load() {
				c.lost.Add(1)
			}
			return
		}
		if m.deaf.Load() {
			return
		}
		mark, ok := readMark(message)
		if !ok || mark.phase != c.phase.Load() {
			continue
		}
		now := time.Now().UnixNano()
		m.take(mark, now)
		c.lastAt.Store(now)
		if c.arrived.Add(1)%32 == 0 {
			select {
			case c.some <- struct{}{}:
			default:
			}
		}
	}
}

// deafen lets members read no more, each from its next message on.
func deafen(members []*member) {
	for _, m := range members {
		m.deaf.Store(true)
	}
}

// take notes one message.
func (m *member) take(k mark, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase != k.phase {
		m.phase, m.seen, m.newest, m.wrong, m.took = k.phase, m.seen[:0], -1, wrongs{}, m.took[:0]
	}
	for int64(len(m.seen)) <= k.number {
		m.seen = append(m.seen, false)
	}
	if m.seen[k.number] {
		m.wrong.doubled++
	}
	m.seen[k.number] = true
	if k.number < m.newest {
		m.wrong.disordered++
	}
	m.newest = max(m.newest, k.number)
	m.took = append(m.took, float64(now-k.at)/1e6)
}

// begin starts a phase and returns its number.
func (c *crowd) begin(phase int64) {
	c.arrived.Store(0)
	c.lastAt.Store(time.Now().UnixNano())
	c.phase.Store(phase)
}

// silence is how long nothing must arrive for what is missing to be lost: it may
// stand behind others' messages on a slow machine.
const silence = 15 * time.Second

// settle waits until so many arrived, or nothing came any more.
func (c *crowd) settle(ctx context.Context, expected int64) error {
	return until(ctx, 10*time.Minute, func() bool {
		return c.arrived.Load() >= expected || time.Now().UnixNano()-c.lastAt.Load() > int64(silence)
	})
}

// count is what became of a phase in which each listener was sent so many.
func (c *crowd) count(phase int64, listeners []*member, each int) (took []float64, w wrongs) {
	for _, m := range listeners {
		m.mu.Lock()
		got := 0
		if m.phase == phase {
			for _, seen := range m.seen {
				if seen {
					got++
				}
			}
			took = append(took, m.took...)
			w.doubled += m.wrong.doubled
			w.disordered += m.wrong.disordered
		}
		w.lost += each - got
		m.mu.Unlock()
	}
	return took, w
}

// leave closes everything and returns when the readers have ended.
func (c *crowd) leave() {
	c.leaving.Store(true)
	for _, m := range c.members {
		if m.socket != nil {
			m.socket.leave()
		}
	}
	c.readers.Wait()
}
