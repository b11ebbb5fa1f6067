package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// clientGroup is a group of clients with one socket each. It counts the messages of the
// current phase.
type clientGroup struct {
	server  *process
	clients []*client
	phase   atomic.Int64
	arrived atomic.Int64
	lastAt  atomic.Int64 // Unix time in nanoseconds of the newest message
	// progress receives a value after every 32 messages.
	progress chan struct{}
	lost     atomic.Int64 // sockets that closed before close was called
	// closing is set before the group closes its own sockets.
	closing atomic.Bool
	readers sync.WaitGroup
}

// client is one client. mu protects the fields below it.
type client struct {
	user      user
	socket    *wsConn
	stopped   atomic.Bool // set to stop reading
	mu        sync.Mutex
	phase     int64
	seen      []bool
	newest    int64
	errors    deliveryErrors
	latencies []float64
}

// deliveryErrors counts delivery errors.
type deliveryErrors struct{ lost, duplicated, reordered int }

// connectAll opens a socket for each user, atOnce in parallel, and returns when all are
// open. The first small sockets have a small receive buffer.
func connectAll(ctx context.Context, p *process, users []user, atOnce, small int) (*clientGroup, error) {
	c := &clientGroup{server: p, clients: make([]*client, len(users)), progress: make(chan struct{}, 1)}
	for i, u := range users {
		c.clients[i] = &client{user: u}
	}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	for range min(atOnce, len(users)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(users) && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				s, err := dialSocket(ctx, p, users[i].token, i, i < small)
				if err != nil {
					err = fmt.Errorf("socket %d: %w", i, err)
					failed.Store(&err)
					return
				}
				c.clients[i].socket = s
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		c.close()
		return nil, *err
	}
	for _, m := range c.clients {
		c.readers.Go(func() { c.read(m) })
	}
	return c, nil
}

func (c *clientGroup) read(m *client) {
	for {
		message, err := m.socket.next()
		if err != nil {
			if !c.closing.Load() {
				c.lost.Add(1)
			}
			return
		}
		if m.stopped.Load() {
			return
		}
		mark, ok := parseTag(message)
		if !ok || mark.phase != c.phase.Load() {
			continue
		}
		now := time.Now().UnixNano()
		m.record(mark, now)
		c.lastAt.Store(now)
		if c.arrived.Add(1)%32 == 0 {
			select {
			case c.progress <- struct{}{}:
			default:
			}
		}
	}
}

// stopReading makes the clients stop reading after their next message.
func stopReading(members []*client) {
	for _, m := range members {
		m.stopped.Store(true)
	}
}

// record records one message.
func (m *client) record(k messageTag, now int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase != k.phase {
		m.phase, m.seen, m.newest, m.errors, m.latencies = k.phase, m.seen[:0], -1, deliveryErrors{}, m.latencies[:0]
	}
	for int64(len(m.seen)) <= k.number {
		m.seen = append(m.seen, false)
	}
	if m.seen[k.number] {
		m.errors.duplicated++
	}
	m.seen[k.number] = true
	if k.number < m.newest {
		m.errors.reordered++
	}
	m.newest = max(m.newest, k.number)
	m.latencies = append(m.latencies, float64(now-k.at)/1e6)
}

// startPhase resets the counters and starts a phase.
func (c *clientGroup) startPhase(phase int64) {
	c.arrived.Store(0)
	c.lastAt.Store(time.Now().UnixNano())
	c.phase.Store(phase)
}

// lossTimeout is the time without a new message after which missing messages count as
// lost. On a slow machine a message can be queued behind those of other users.
const lossTimeout = 15 * time.Second

// awaitArrivals waits until the expected number of messages has arrived or lossTimeout has passed.
func (c *clientGroup) awaitArrivals(ctx context.Context, expected int64) error {
	return pollUntil(ctx, 10*time.Minute, func() bool {
		return c.arrived.Load() >= expected || time.Now().UnixNano()-c.lastAt.Load() > int64(lossTimeout)
	})
}

// results returns the latencies and the errors of a phase in which each listener was
// sent each messages.
func (c *clientGroup) results(phase int64, listeners []*client, each int) (took []float64, w deliveryErrors) {
	for _, m := range listeners {
		m.mu.Lock()
		got := 0
		if m.phase == phase {
			for _, seen := range m.seen {
				if seen {
					got++
				}
			}
			took = append(took, m.latencies...)
			w.duplicated += m.errors.duplicated
			w.reordered += m.errors.reordered
		}
		w.lost += each - got
		m.mu.Unlock()
	}
	return took, w
}

// close closes all sockets and waits for their readers.
func (c *clientGroup) close() {
	c.closing.Store(true)
	for _, m := range c.clients {
		if m.socket != nil {
			m.socket.close()
		}
	}
	c.readers.Wait()
}
