package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// requestTimeout limits one request.
const requestTimeout = 30 * time.Second

// httpConn is one persistent connection of a minimal HTTP client, which leaves most of
// the CPU to the measured process.
type httpConn struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(ctx context.Context, address string) (*httpConn, error) {
	conn, err := (&net.Dialer{Timeout: requestTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &httpConn{conn, bufio.NewReaderSize(conn, 4096)}, nil
}

func (l *httpConn) close() { _ = l.conn.Close() }

// do sends a prepared request and returns the status of the response.
func (l *httpConn) do(request []byte) (int, error) {
	_ = l.conn.SetDeadline(time.Now().Add(requestTimeout))
	if _, err := l.conn.Write(request); err != nil {
		return 0, err
	}
	return l.readResponse()
}

// readResponse reads one response and returns its status.
func (l *httpConn) readResponse() (int, error) {
	first, err := l.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(first) < 12 {
		return 0, fmt.Errorf("response without a status: %q", first)
	}
	status, err := strconv.Atoi(string(first[9:12]))
	if err != nil {
		return 0, err
	}
	length, chunked := 0, false
	for {
		header, err := l.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		header = bytes.TrimSpace(header)
		if len(header) == 0 {
			break
		}
		name, value, _ := bytes.Cut(header, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
	if chunked {
		return status, l.discardChunks()
	}
	_, err = l.in.Discard(length)
	return status, err
}

func (l *httpConn) discardChunks() error {
	for {
		header, err := l.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(header)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, l.in, size+2); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}

// requests returns one prepared request per user.
func requests(users []user, format string) [][]byte {
	all := make([][]byte, len(users))
	for i, u := range users {
		all[i] = fmt.Appendf(nil, format+" HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", i, u.token)
	}
	return all
}

// loadResult is the result of a load.
type loadResult struct {
	succeeded, failed int
	cpu               float64
	latencies         []float64 // milliseconds, unordered
}

// perCPU returns the number of successful requests per CPU second of the server.
func (o *loadResult) perCPU() float64 { return float64(o.succeeded) / max(o.cpu, 0.01) }

// loadLimits limits a load: the number of connections, how often each request is sent,
// and the duration.
type loadLimits struct {
	conns, each int
	span        time.Duration
}

// load sends the requests repeatedly over several connections.
func load(ctx context.Context, p *process, all [][]byte, how loadLimits) (loadResult, error) {
	ctx, cancel := context.WithTimeout(ctx, how.span)
	defer cancel()
	conns := how.conns
	parts := make([]loadResult, conns)
	errs := make([]error, conns)
	before := p.cpu()
	var group sync.WaitGroup
	for c := range conns {
		group.Go(func() { errs[c] = parts[c].run(ctx, p.addr, everyNth(all, c, conns), how.each) })
	}
	group.Wait()
	whole := loadResult{cpu: p.cpu() - before}
	for i, part := range parts {
		if errs[i] != nil {
			return whole, errs[i]
		}
		whole.succeeded += part.succeeded
		whole.failed += part.failed
		whole.latencies = append(whole.latencies, part.latencies...)
	}
	return whole, nil
}

// everyNth returns every conns-th request, starting with number c.
func everyNth(all [][]byte, c, conns int) [][]byte {
	var mine [][]byte
	for i := c; i < len(all); i += conns {
		mine = append(mine, all[i])
	}
	return mine
}

func (o *loadResult) run(ctx context.Context, address string, mine [][]byte, each int) error {
	l, err := dial(context.WithoutCancel(ctx), address)
	if err != nil {
		return err
	}
	defer l.close()
	for i := 0; i < each*len(mine) && ctx.Err() == nil; i++ {
		startedAt := time.Now()
		status, err := l.do(mine[i%len(mine)])
		if err != nil {
			return err
		}
		o.latencies = append(o.latencies, milliseconds(time.Since(startedAt)))
		if status >= 300 {
			o.failed++
			continue
		}
		o.succeeded++
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
