package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	frameText  = 1
	frameClose = 8
	framePing  = 9
	framePong  = 10
)

// wsConn is a minimal WebSocket client: it reads messages and answers pings. It has
// no extensions, a zero mask and one small buffer.
type wsConn struct {
	conn net.Conn
	in   *bufio.Reader
	long []byte // for messages larger than the buffer
}

// dialSocket opens a socket. A small receive buffer makes a slow reader block the
// sender soon.
func dialSocket(ctx context.Context, p *process, token string, i int, small bool) (*wsConn, error) {
	conn, err := dialFrom(ctx, p.addr, i, small)
	if err != nil {
		return nil, err
	}
	s := &wsConn{conn: conn, in: bufio.NewReaderSize(conn, 2048)}
	if err := s.upgrade(p.addr, p.protocol.socket(token)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

// dialFrom opens a TCP connection. The source address depends on i, so that one address
// does not run out of ports.
func dialFrom(ctx context.Context, address string, i int, small bool) (net.Conn, error) {
	d := net.Dialer{
		Timeout:   time.Minute,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i&15))},
		Control: func(_, _ string, raw syscall.RawConn) error {
			var failed error
			err := raw.Control(func(fd uintptr) {
				failed = setSocketOptions(fd, small)
			})
			return errors.Join(err, failed)
		},
	}
	return d.DialContext(ctx, "tcp4", address)
}

func (s *wsConn) upgrade(address, path string) error {
	_ = s.conn.SetDeadline(time.Now().Add(time.Minute))
	_, err := fmt.Fprintf(s.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, address)
	if err != nil {
		return err
	}
	response, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the handshake failed: %s", response.Status)
	}
	return s.conn.SetDeadline(time.Time{})
}

// next returns the next message and answers pings. The message is valid until the
// next call. The servers here never send fragmented messages.
func (s *wsConn) next() ([]byte, error) {
	for {
		kind, size, err := s.header()
		if err != nil {
			return nil, err
		}
		body, err := s.body(size)
		if err != nil {
			return nil, err
		}
		switch kind {
		case framePing:
			if err := s.write(framePong, body); err != nil {
				return nil, err
			}
		case frameClose:
			if len(body) < 2 {
				return nil, errors.New("closed without a code")
			}
			return nil, fmt.Errorf("closed with %d", binary.BigEndian.Uint16(body))
		case frameText:
			return body, nil
		}
	}
}

func (s *wsConn) header() (kind byte, size int, err error) {
	b, err := s.in.Peek(2)
	if err != nil {
		return 0, 0, err
	}
	kind, size = b[0]&0x0f, int(b[1]&0x7f)
	used := 2
	switch size {
	case 126:
		used = 4
	case 127:
		used = 10
	}
	if b, err = s.in.Peek(used); err != nil {
		return 0, 0, err
	}
	switch used {
	case 4:
		size = int(binary.BigEndian.Uint16(b[2:]))
	case 10:
		size = int(binary.BigEndian.Uint64(b[2:]) & 0x7fffffff)
	}
	_, err = s.in.Discard(used)
	return kind, size, err
}

func (s *wsConn) body(size int) ([]byte, error) {
	if size <= s.in.Size() {
		b, err := s.in.Peek(size)
		_, _ = s.in.Discard(len(b))
		return b, err
	}
	if cap(s.long) < size {
		s.long = make([]byte, size)
	}
	_, err := io.ReadFull(s.in, s.long[:size])
	return s.long[:size], err
}

// write sends a control frame.
func (s *wsConn) write(kind byte, body []byte) error {
	frame := append([]byte{0x80 | kind, 0x80 | byte(len(body)&0x7f), 0, 0, 0, 0}, body...)
	_, err := s.conn.Write(frame)
	return err
}

// close sends a close frame and closes the connection without waiting for a reply.
func (s *wsConn) close() {
	_ = s.conn.SetDeadline(time.Now().Add(time.Second))
	_ = s.write(frameClose, []byte{0x03, 0xe8})
	_ = s.conn.Close()
}
