package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// idleStreams opens event streams to a new node and reports how much its memory grows per
// stream. There is no baseline.
func idleStreams(ctx context.Context, l *runner) ([]row, error) {
	n := l.size(5000, 200)
	cost, err := l.streamCost(ctx, n, l.largeNode(n))
	if err != nil {
		return nil, err
	}
	r := single(fmt.Sprintf("KB resident per idle stream, %d of them", n), cost.resident)
	if n >= 5000 { // with fewer streams the fixed memory of the node dominates
		r = r.atMost(20)
	}
	return []row{r, single(fmt.Sprintf("KB of heap and stack per idle stream, %d of them", n), cost.live)}, nil
}

// streamCost opens n event streams to a new server and returns the growth of its memory per stream.
func (l *runner) streamCost(ctx context.Context, n int, start starter) (socketCost, error) {
	p, err := start(ctx)
	if err != nil {
		return socketCost{}, err
	}
	defer p.stop()
	users, err := l.newUsers(n + 10)
	if err != nil {
		return socketCost{}, err
	}
	var streams streamGroup
	defer streams.close()
	// The first streams allocate memory that all streams share.
	if err := streams.open(ctx, p, users[n:]); err != nil {
		return socketCost{}, err
	}
	empty, live := p.resident(), heapAndStack(ctx, p)
	if err := streams.open(ctx, p, users[:n]); err != nil {
		return socketCost{}, err
	}
	if err := pause(ctx, time.Duration(l.size(20_000, 300))*time.Millisecond); err != nil { // longer than between two comments
		return socketCost{}, err
	}
	each := func(growth float64) float64 { return growth / 1000 / float64(n) }
	return socketCost{resident: each(p.resident() - empty), live: each(heapAndStack(ctx, p) - live)}, nil
}

// streamGroup is a group of clients that receive streams and do not read them.
type streamGroup struct {
	mu    sync.Mutex
	conns []net.Conn
}

// open opens a stream for each user, and returns when all are open.
func (g *streamGroup) open(ctx context.Context, p *process, users []user) error {
	const atOnce = 100
	var next atomic.Int64
	var group sync.WaitGroup
	failed := make([]error, min(atOnce, len(users)))
	for worker := range failed {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(users) && failed[worker] == nil; i = int(next.Add(1)) - 1 {
				failed[worker] = g.openOne(ctx, p, users[i].token, i)
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

var errNoStream = errors.New("no stream")

func (g *streamGroup) openOne(ctx context.Context, p *process, token string, i int) error {
	conn, err := dialFrom(ctx, p.addr, i, false)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.conns = append(g.conns, conn)
	g.mu.Unlock()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", p.protocol.stream(token), p.addr); err != nil {
		return err
	}
	status := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, status); err != nil {
		return err
	}
	if !strings.HasSuffix(string(status), "200") {
		return fmt.Errorf("%w: %s", errNoStream, status)
	}
	return nil
}

// close closes all connections.
func (g *streamGroup) close() {
	for _, conn := range g.conns {
		_ = conn.Close()
	}
}
