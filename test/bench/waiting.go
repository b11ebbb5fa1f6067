package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// crew is requests that wait for a backend which never answers.
type crew struct{ lines []*line }

// wait sends one hanging request per user and returns when all are on their way.
func wait(ctx context.Context, address string, users []user) (*crew, error) {
	c := &crew{}
	for i, request := range requests(users, "GET /v1/batches/"+hanging+"%d/status") {
		ln, err := dial(ctx, address)
		if err == nil {
			c.lines = append(c.lines, ln)
			_, err = ln.conn.Write(request)
		}
		if err != nil {
			c.leave()
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
	}
	return c, nil
}

// unanswered counts those that still wait.
func (c *crew) unanswered() int {
	n := 0
	for _, l := range c.lines {
		_ = l.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := l.in.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

func (c *crew) leave() {
	for _, l := range c.lines {
		l.close()
	}
}

// waiting holds many requests at a backend that does not answer. The bulkhead
// is opened wide for it: its default is there to prevent just this.
func waiting(ctx context.Context, l *lab) ([]row, error) {
	backend, err := l.own(ctx, "backend")
	if err != nil {
		return nil, err
	}
	defer backend.stop()
	n := l.size(1000, 100)
	doors, err := both(
		func() (*process, error) {
			return l.gateway(ctx, backend, map[string]string{
				"API_GATEWAY_DOWNSTREAM_MAX_CONCURRENCY": "4096", "API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS": "80",
			})
		},
		func() (*process, error) { return l.own(ctx, "proxy", "to=http://"+backend.addr) },
	)
	if err != nil {
		return nil, err
	}
	defer doors.stop()
	var cost [2]float64
	still := 0
	for i, p := range []*process{doors.ours, doors.bare} {
		users, err := l.people(n)
		if err != nil {
			return nil, err
		}
		// A long load before would leave garbage that hides what waiting costs.
		if _, err := load(ctx, p, requests(users[:10], statusPath), pace{2, 1, time.Minute}); err != nil {
			return nil, err
		}
		before := p.resident()
		c, err := wait(ctx, p.addr, users)
		if err != nil {
			return nil, err
		}
		err = atBackend(ctx, backend, n)
		cost[i] = (p.resident() - before) / 1024 / float64(n)
		still += n - c.unanswered()
		c.leave()
		if err != nil {
			return nil, err
		}
		if err := atBackend(ctx, backend, 0); err != nil {
			return nil, err
		}
	}
	var each series
	each.add(cost[0], cost[1])
	bytes := each.row(fmt.Sprintf("KiB resident per waiting request, %d of them", n))
	met := bytes.Ours < 64
	bytes.Target, bytes.Met = "< 64 KiB", &met
	return []row{bytes, single("requests answered that should wait", float64(still)).atMost(0)}, nil
}

// bulkhead fills the places of one service and asks for more.
func bulkhead(ctx context.Context, l *lab) ([]row, error) {
	backend, err := l.own(ctx, "backend")
	if err != nil {
		return nil, err
	}
	defer backend.stop()
	p, err := l.gateway(ctx, backend, nil)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	const places = 256
	users, err := l.people(places + l.size(1000, 100))
	if err != nil {
		return nil, err
	}
	c, err := wait(ctx, p.addr, users[:places])
	if err != nil {
		return nil, err
	}
	defer c.leave()
	if err := atBackend(ctx, backend, places); err != nil {
		return nil, err
	}
	o, err := load(ctx, p, requests(users[places:], statusPath), pace{1, 1, time.Minute})
	if err != nil {
		return nil, err
	}
	return []row{
		single("above the bulkhead: answer at p50, ms", median(o.took)),
		single("above the bulkhead: answer at p99, ms", quantile(o.took, .99)),
		single("above the bulkhead: let through", float64(o.served)).atMost(0),
		single("below the bulkhead: refused", float64(places-c.unanswered())).atMost(0),
	}, nil
}

// atBackend returns when that many requests wait at the backend.
func atBackend(ctx context.Context, backend *process, n int) error {
	err := until(ctx, patience, func() bool {
		waiting, err := metric(ctx, backend, "bench_waiting", "")
		return err == nil && int(waiting) == n
	})
	if err != nil {
		return fmt.Errorf("not all requests reach the backend: %w", err)
	}
	return nil
}

// upload sends one form of 100 MiB, all that is allowed, through a gateway that
// did nothing before except one small form.
func upload(ctx context.Context, l *lab) ([]row, error) {
	var grown series
	for range l.size(min(l.rounds, 3), 1) {
		doors, release, err := l.doors(ctx)
		if err != nil {
			return nil, err
		}
		var growth [2]float64
		for i, p := range []*process{doors.ours, doors.bare} {
			if growth[i], err = l.growth(ctx, p); err != nil {
				release()
				return nil, err
			}
		}
		release()
		grown.add(growth[0], growth[1])
	}
	r := grown.row("MiB that 100 MiB of upload add to resident memory, at the peak")
	met := r.Ours < 4
	r.Target, r.Met = "< 4 MiB", &met
	return []row{r}, nil
}

// growth is in MiB.
func (l *lab) growth(ctx context.Context, p *process) (float64, error) {
	users, err := l.people(1)
	if err != nil {
		return 0, err
	}
	if err := send(ctx, p.addr, users[0], 64<<10); err != nil {
		return 0, err
	}
	before := p.resident()
	if err := p.resetPeak(); err != nil {
		return 0, err
	}
	if err := send(ctx, p.addr, users[0], 100<<20); err != nil {
		return 0, err
	}
	return (p.peak() - before) / (1 << 20), nil
}

// send uploads a form of exactly that many bytes.
func send(ctx context.Context, address string, u user, size int) error {
	const boundary = "bench-boundary"
	head := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"batch_id\"\r\n\r\nb\r\n--" + boundary +
		"\r\nContent-Disposition: form-data; name=\"files\"; filename=\"essay.txt\"\r\nContent-Type: text/plain\r\n\r\n"
	tail := "\r\n--" + boundary + "--\r\n"
	ln, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer ln.close()
	_ = ln.conn.SetDeadline(time.Now().Add(2 * time.Minute))
	_, err = fmt.Fprintf(ln.conn, "POST /v1/files/batch HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n%s", u.token, boundary, size, head)
	block := []byte(strings.Repeat("an essay of no importance\n", 2048))
	for left := size - len(head) - len(tail); left > 0 && err == nil; {
		n := min(left, len(block))
		_, err = ln.conn.Write(block[:n])
		left -= n
	}
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	if _, err := ln.conn.Write([]byte(tail)); err != nil {
		return err
	}
	code, err := ln.answer()
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	if code >= http.StatusMultipleChoices {
		return fmt.Errorf("upload: status %d", code)
	}
	return nil
}
