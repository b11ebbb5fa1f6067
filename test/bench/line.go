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

// patience bounds one request.
const patience = 30 * time.Second

// line is one kept connection of an HTTP client that does as little as it can:
// it shares the machine with what it measures.
type line struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(ctx context.Context, address string) (*line, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &line{conn, bufio.NewReaderSize(conn, 4096)}, nil
}

func (l *line) close() { _ = l.conn.Close() }

// do sends a request as it stands and returns the answer's status.
func (l *line) do(request []byte) (int, error) {
	_ = l.conn.SetDeadline(time.Now().Add(patience))
	if _, err := l.conn.Write(request); err != nil {
		return 0, err
	}
	return l.answer()
}

// answer reads one answer to its end.
func (l *line) answer() (int, error) {
	first, err := l.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(first) < 12 {
		return 0, fmt.Errorf("no status in %q", first)
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
		return status, l.chunks()
	}
	_, err = l.in.Discard(length)
	return status, err
}

func (l *line) chunks() error {
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

// requests are what users ask: one request each, sent again and again.
func requests(users []user, format string) [][]byte {
	all := make([][]byte, len(users))
	for i, u := range users {
		all[i] = fmt.Appendf(nil, format+" HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", i, u.token)
	}
	return all
}

// outcome is what a load came to.
type outcome struct {
	served, bad int
	cpu         float64
	took        []float64 // milliseconds, in no order
}

// perCPU is how many requests one second of the server's CPU served.
func (o *outcome) perCPU() float64 { return float64(o.served) / max(o.cpu, 0.01) }

// pace is how hard a load is: over so many connections, each request at most
// each times, and no longer than span.
type pace struct {
	conns, each int
	span        time.Duration
}

// load sends the requests again and again.
func load(ctx context.Context, p *process, all [][]byte, how pace) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, how.span)
	defer cancel()
	conns := how.conns
	parts := make([]outcome, conns)
	errs := make([]error, conns)
	before := p.cpu()
	var group sync.WaitGroup
	for c := range conns {
		group.Go(func() { errs[c] = parts[c].drive(ctx, p.addr, own(all, c, conns), how.each) })
	}
	group.Wait()
	whole := outcome{cpu: p.cpu() - before}
	for i, part := range parts {
		if errs[i] != nil {
			return whole, errs[i]
		}
		whole.served += part.served
		whole.bad += part.bad
		whole.took = append(whole.took, part.took...)
	}
	return whole, nil
}

// own is every conns-th of the requests.
func own(all [][]byte, c, conns int) [][]byte {
	var mine [][]byte
	for i := c; i < len(all); i += conns {
		mine = append(mine, all[i])
	}
	return mine
}

func (o *outcome) drive(ctx context.Context, address string, mine [][]byte, each int) error {
	l, err := dial(context.WithoutCancel(ctx), address)
	if err != nil {
		return err
	}
	defer l.close()
	for i := 0; i < each*len(mine) && ctx.Err() == nil; i++ {
		began := time.Now()
		status, err := l.do(mine[i%len(mine)])
		if err != nil {
			return err
		}
		o.took = append(o.took, milliseconds(time.Since(began)))
		if status >= 300 {
			o.bad++
			continue
		}
		o.served++
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
