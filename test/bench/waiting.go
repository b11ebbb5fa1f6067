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

// pendingRequests is a set of requests that wait for a backend which never responds.
type pendingRequests struct{ conns []*httpConn }

// sendHanging sends one hanging request per user and returns when all are sent.
func sendHanging(ctx context.Context, address string, users []user) (*pendingRequests, error) {
	c := &pendingRequests{}
	for i, request := range requests(users, "GET /v1/batches/"+hangingPrefix+"%d/status") {
		ln, err := dial(ctx, address)
		if err == nil {
			c.conns = append(c.conns, ln)
			_, err = ln.conn.Write(request)
		}
		if err != nil {
			c.close()
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
	}
	return c, nil
}

// countPending returns the number of requests without a response.
func (c *pendingRequests) countPending() int {
	n := 0
	for _, l := range c.conns {
		_ = l.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := l.in.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			n++
		}
	}
	return n
}

func (c *pendingRequests) close() {
	for _, l := range c.conns {
		l.close()
	}
}

// waitingMemory measures the memory of many requests to a backend that does not respond.
// It raises the limit of the bulkhead, whose default prevents this situation.
func waitingMemory(ctx context.Context, l *runner) ([]row, error) {
	backend, err := l.startChild(ctx, "backend")
	if err != nil {
		return nil, err
	}
	defer backend.stop()
	n := l.size(1000, 100)
	doors, err := startBoth(
		func() (*process, error) {
			return l.startGateway(ctx, backend, map[string]string{
				"API_GATEWAY_DOWNSTREAM_MAX_CONCURRENCY": "4096", "API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS": "80",
			})
		},
		func() (*process, error) { return l.startChild(ctx, "proxy", "to=http://"+backend.addr) },
	)
	if err != nil {
		return nil, err
	}
	defer doors.stop()
	var cost [2]float64
	still := 0
	for i, p := range []*process{doors.ours, doors.bare} {
		users, err := l.newUsers(n)
		if err != nil {
			return nil, err
		}
		// A longer warm-up would leave garbage that hides the memory of the requests.
		if _, err := load(ctx, p, requests(users[:10], statusPath), loadLimits{2, 1, time.Minute}); err != nil {
			return nil, err
		}
		before := p.resident()
		c, err := sendHanging(ctx, p.addr, users)
		if err != nil {
			return nil, err
		}
		err = awaitAtBackend(ctx, backend, n)
		cost[i] = (p.resident() - before) / 1024 / float64(n)
		still += n - c.countPending()
		c.close()
		if err != nil {
			return nil, err
		}
		if err := awaitAtBackend(ctx, backend, 0); err != nil {
			return nil, err
		}
	}
	var each series
	each.add(cost[0], cost[1])
	bytes := each.row(fmt.Sprintf("KiB resident per waiting request, %d of them", n))
	met := bytes.Ours < 64
	bytes.Target, bytes.Met = "< 64 KiB", &met
	return []row{bytes, single("requests with an unexpected response", float64(still)).atMost(0)}, nil
}

// bulkhead fills the bulkhead of one service and sends more requests.
func bulkhead(ctx context.Context, l *runner) ([]row, error) {
	backend, err := l.startChild(ctx, "backend")
	if err != nil {
		return nil, err
	}
	defer backend.stop()
	p, err := l.startGateway(ctx, backend, nil)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	const places = 256
	users, err := l.newUsers(places + l.size(1000, 100))
	if err != nil {
		return nil, err
	}
	c, err := sendHanging(ctx, p.addr, users[:places])
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := awaitAtBackend(ctx, backend, places); err != nil {
		return nil, err
	}
	o, err := load(ctx, p, requests(users[places:], statusPath), loadLimits{1, 1, time.Minute})
	if err != nil {
		return nil, err
	}
	return []row{
		single("above the bulkhead: response at p50, ms", median(o.latencies)),
		single("above the bulkhead: response at p99, ms", quantile(o.latencies, .99)),
		single("above the bulkhead: accepted", float64(o.succeeded)).atMost(0),
		single("below the bulkhead: rejected", float64(places-c.countPending())).atMost(0),
	}, nil
}

// awaitAtBackend waits until n requests are waiting at the backend.
func awaitAtBackend(ctx context.Context, backend *process, n int) error {
	err := pollUntil(ctx, requestTimeout, func() bool {
		waiting, err := backend.metric(ctx, "bench_waiting")
		return err == nil && int(waiting) == n
	})
	if err != nil {
		return fmt.Errorf("wait for the requests at the backend: %w", err)
	}
	return nil
}

// upload sends a form of 100 MiB, the maximum size, through a gateway that has
// served only one small form before.
func upload(ctx context.Context, l *runner) ([]row, error) {
	var grown series
	for range l.size(min(l.rounds, 3), 1) {
		doors, release, err := l.startGateways(ctx)
		if err != nil {
			return nil, err
		}
		var growth [2]float64
		for i, p := range []*process{doors.ours, doors.bare} {
			if growth[i], err = l.uploadGrowth(ctx, p); err != nil {
				release()
				return nil, err
			}
		}
		release()
		grown.add(growth[0], growth[1])
	}
	r := grown.row("MiB of additional resident memory at the peak of a 100 MiB upload")
	met := r.Ours < 4
	r.Target, r.Met = "< 4 MiB", &met
	return []row{r}, nil
}

// uploadGrowth returns the additional memory of an upload in MiB.
func (l *runner) uploadGrowth(ctx context.Context, p *process) (float64, error) {
	users, err := l.newUsers(1)
	if err != nil {
		return 0, err
	}
	if err := sendUpload(ctx, p.addr, users[0], 64<<10); err != nil {
		return 0, err
	}
	before := p.resident()
	if err := p.resetPeak(); err != nil {
		return 0, err
	}
	if err := sendUpload(ctx, p.addr, users[0], 100<<20); err != nil {
		return 0, err
	}
	return (p.peak() - before) / (1 << 20), nil
}

// sendUpload uploads a form of exactly size bytes.
func sendUpload(ctx context.Context, address string, u user, size int) error {
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
	code, err := ln.readResponse()
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	if code >= http.StatusMultipleChoices {
		return fmt.Errorf("upload: status %d", code)
	}
	return nil
}
