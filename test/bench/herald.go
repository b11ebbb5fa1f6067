package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// herald publishes to users over one Redis connection, many commands in one
// write.
type herald struct {
	conn    net.Conn
	out     *bufio.Writer
	deaf    atomic.Int64 // publishes that reached no subscriber
	drained chan struct{}
	message []byte
}

func newHerald(ctx context.Context, address string) (*herald, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	h := &herald{conn: conn, out: bufio.NewWriterSize(conn, 64<<10), drained: make(chan struct{})}
	go h.drain()
	return h, nil
}

// drain reads the answers, the number of receivers each.
func (h *herald) drain() {
	defer close(h.drained)
	in := bufio.NewReader(h.conn)
	for {
		answer, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if answer[0] == '-' || bytes.Equal(answer, []byte(":0\r\n")) {
			h.deaf.Add(1)
		}
	}
}

func (h *herald) close() {
	_ = h.conn.Close()
	<-h.drained
}

// send puts one message on its way; flush makes it go.
func (h *herald) send(to string, k mark, size int) error {
	h.message = appendMessage(h.message[:0], k, size)
	b := append(h.out.AvailableBuffer(), "*3\r\n$7\r\nPUBLISH\r\n$"...)
	b = strconv.AppendInt(b, int64(len("ws:")+len(to)), 10)
	b = append(append(b, "\r\nws:"...), to...)
	b = append(b, "\r\n$"...)
	b = strconv.AppendInt(b, int64(len(h.message)), 10)
	b = append(append(append(b, "\r\n"...), h.message...), "\r\n"...)
	_, err := h.out.Write(b)
	return err
}

// plan is one phase of publishing: each listener in turn, until each had so
// many messages.
type plan struct {
	phase     int64
	listeners []*member
	each      int
	size      int
	// rate is messages a second; 0 is as fast as window lets.
	rate float64
	// window is how many may be under way at once when there is no rate.
	window int64
}

// batch is how many messages go in one write at full speed.
const batch = 64

// publish carries a plan out. c tells what has arrived.
func (h *herald) publish(ctx context.Context, c *crowd, p plan) error {
	if p.rate > 0 {
		return h.steady(ctx, p)
	}
	total := p.each * len(p.listeners)
	for sent := 0; sent < total; {
		for int64(sent)-c.arrived.Load() > p.window-batch {
			select {
			case <-c.some:
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Second):
				return fmt.Errorf("no progress: %d sent, %d arrived", sent, c.arrived.Load())
			}
		}
		until := min(sent+batch, total)
		if err := h.some(p, sent, until); err != nil {
			return err
		}
		sent = until
	}
	return nil
}

// steady sends at the plan's rate, what is due every millisecond.
func (h *herald) steady(ctx context.Context, p plan) error {
	total := p.each * len(p.listeners)
	began := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for sent := 0; sent < total; {
		due := min(total, int(time.Since(began).Seconds()*p.rate)+1)
		if err := h.some(p, sent, due); err != nil {
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

// some sends the messages numbered from to until.
func (h *herald) some(p plan, from, until int) error {
	n := len(p.listeners)
	for i := from; i < until; i++ {
		k := mark{p.phase, time.Now().UnixNano(), int64(i / n)}
		if err := h.send(p.listeners[i%n].user.id, k, p.size); err != nil {
			return err
		}
	}
	return h.out.Flush()
}

// metric reads the sum of a metric's series that contain labels, from a
// service's own page.
func metric(ctx context.Context, p *process, name, labels string) (float64, error) {
	ln, err := dial(ctx, p.addr)
	if err != nil {
		return 0, err
	}
	defer ln.close()
	_ = ln.conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(ln.conn, "GET /metrics HTTP/1.0\r\n\r\n"); err != nil {
		return 0, err
	}
	page, err := io.ReadAll(ln.in)
	if err != nil {
		return 0, err
	}
	sum, found := 0.0, false
	for row := range bytes.Lines(page) {
		row = bytes.TrimSpace(row)
		cut := bytes.LastIndexByte(row, ' ')
		if cut < 0 || !bytes.HasPrefix(row, []byte(name)) || !bytes.Contains(row[:cut], []byte(labels)) {
			continue
		}
		if rest := row[len(name)]; rest != '{' && rest != ' ' {
			continue
		}
		value, err := strconv.ParseFloat(string(row[cut+1:]), 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+value, true
	}
	if !found {
		return 0, errors.New("no metric " + name)
	}
	return sum, nil
}
