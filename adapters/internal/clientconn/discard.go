// Package clientconn has what a service does with the TCP connection of a client after it has
// taken the connection over from the HTTP server.
package clientconn

import (
	"errors"
	"net"
)

// ErrTooMuchInput is returned by Discard for a client that sends more than it may.
var ErrTooMuchInput = errors.New("the client sends data")

// Discard reads until the connection ends, or the client has sent the given number of
// bytes. It uses little memory while nothing arrives. The result is the error of the
// connection, or ErrTooMuchInput.
func Discard(conn net.Conn, limit int) error {
	var buffer [64]byte
	for total := 0; total < limit; {
		n, err := conn.Read(buffer[:])
		if err != nil {
			return err
		}
		total += n
	}
	return ErrTooMuchInput
}
