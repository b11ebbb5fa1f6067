package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// redisPublisher publishes to users over one Redis connection with pipelined commands.
type redisPublisher struct {
	conn    net.Conn
	out     *bufio.Writer
	failed  atomic.Int64 // PUBLISH commands without a receiver or with an error
	drained chan struct{}
	message []byte
}

func newRedisPublisher(ctx context.Context, address string) (*redisPublisher, error) {
	conn, err := (&net.Dialer{Timeout: requestTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	h := &redisPublisher{conn: conn, out: bufio.NewWriterSize(conn, 64<<10), drained: make(chan struct{})}
	go h.drain()
	return h, nil
}

// drain reads the replies, which contain the number of receivers.
func (h *redisPublisher) drain() {
	defer close(h.drained)
	in := bufio.NewReader(h.conn)
	for {
		reply, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if reply[0] == '-' || bytes.Equal(reply, []byte(":0\r\n")) {
			h.failed.Add(1)
		}
	}
}

func (h *redisPublisher) close() {
	_ = h.conn.Close()
	<-h.drained
}

// send writes one PUBLISH command to the buffer. The caller must flush.
func (h *redisPublisher) send(to string, k messageTag, p publishPlan) error {
	h.message = appendMessage(h.message[:0], k, p.size)
	body := p.protocol.wrap(h.message)
	b := append(h.out.AvailableBuffer(), "*3\r\n$7\r\nPUBLISH\r\n$"...)
	b = strconv.AppendInt(b, int64(len(p.protocol.channel)+len(to)), 10)
	b = append(append(append(b, "\r\n"...), p.protocol.channel...), to...)
	b = append(b, "\r\n$"...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(append(append(b, "\r\n"...), body...), "\r\n"...)
	_, err := h.out.Write(b)
	return err
}

// publishPlan is one phase of publishing: one message to each listener in turn, until each
// has been sent each messages.
type publishPlan struct {
	protocol  protocol // of the server of the listeners
	phase     int64
	listeners []*client
	each      int
	size      int
	// rate is in messages per second; 0 means as fast as window allows.
	rate float64
	// window is the maximum number of undelivered messages if rate is 0.
	window int64
}

// writeBatch is the number of messages in one write at full speed.
const writeBatch = 64

// publish sends all messages of a plan. With a window it uses c to count arrivals.
func (h *redisPublisher) publish(ctx context.Context, c *clientGroup, p publishPlan) error {
	if p.rate > 0 {
		return h.publishAtRate(ctx, p)
	}
	total := p.each * len(p.listeners)
	for sent := 0; sent < total; {
		for int64(sent)-c.arrived.Load() > p.window-writeBatch {
			select {
			case <-c.progress:
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Second):
				return fmt.Errorf("no message arrived for 10 s: %d sent, %d arrived", sent, c.arrived.Load())
			}
		}
		until := min(sent+writeBatch, total)
		if err := h.sendRange(p, sent, until); err != nil {
			return err
		}
		sent = until
	}
	return nil
}

// publishAtRate sends at the rate of the plan, in one write per millisecond.
func (h *redisPublisher) publishAtRate(ctx context.Context, p publishPlan) error {
	total := p.each * len(p.listeners)
	startedAt := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < total; {
		due := min(total, int(time.Since(startedAt).Seconds()*p.rate)+1)
		if err := h.sendRange(p, sent, due); err != nil {
			return err
		}
		sent = max(sent, due)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// sendRange sends the messages with the numbers in [from, until).
func (h *redisPublisher) sendRange(p publishPlan, from, until int) error {
	n := len(p.listeners)
	for i := from; i < until; i++ {
		k := messageTag{p.phase, time.Now().UnixNano(), int64(i / n)}
		if err := h.send(p.listeners[i%n].user.id, k, p); err != nil {
			return err
		}
	}
	return h.out.Flush()
}
