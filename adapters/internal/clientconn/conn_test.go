package clientconn_test

import (
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/clientconn"
)

func TestDiscard(t *testing.T) {
	for sent, want := range map[int]error{100: io.EOF, 1000: clientconn.ErrTooMuchInput} {
		near, far := net.Pipe()
		got := make(chan error, 1)
		var conn clientconn.Conn
		conn.SetConn(near, time.Minute)
		go func() { got <- conn.Discard(1000) }()
		_, err := far.Write(make([]byte, sent))
		require.NoError(t, err)
		require.NoError(t, far.Close())
		require.ErrorIs(t, <-got, want)
		conn.Close()
	}
}

// TestWriteIsBounded checks the time limits of a write to a client that reads nothing, and
// that nothing follows a part of a text.
func TestWriteIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		act   func(*clientconn.Conn)
		lasts time.Duration
	}{
		"alone":             {func(*clientconn.Conn) {}, clientconn.WriteTimeout},
		"during the write":  {func(c *clientconn.Conn) { c.EndWithin(time.Second) }, time.Second},
		"closed by another": {(*clientconn.Conn).Close, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				var conn clientconn.Conn
				conn.SetConn(near, time.Minute)
				began, failed := time.Now(), make(chan error, 1)
				go func() { failed <- conn.Write([]byte("first")) }()
				synctest.Wait()
				c.act(&conn)
				err := <-failed
				require.Error(t, err)
				require.Equal(t, c.lasts, time.Since(began))
				require.Equal(t, err, conn.Write([]byte("second")))
				conn.Close()
				_, err = far.Read(make([]byte, 1))
				require.ErrorIs(t, err, io.EOF)
			})
		})
	}
}

// TestEndBeforeTheConnection checks that an end and a close may come before the connection is
// known.
func TestEndBeforeTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var conn clientconn.Conn
		conn.Close()
		conn.EndWithin(time.Second)
		near, far := net.Pipe()
		conn.SetConn(near, time.Minute)
		began := time.Now()
		require.ErrorIs(t, conn.Write([]byte("x")), os.ErrDeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		conn.Close()
		require.NoError(t, far.Close())
	})
}
