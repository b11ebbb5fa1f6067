package clientconn_test

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/clientconn"
)

func TestDiscard(t *testing.T) {
	for sent, want := range map[int]error{100: io.EOF, 1000: clientconn.ErrTooMuchInput} {
		near, far := net.Pipe()
		got := make(chan error, 1)
		go func() { got <- clientconn.Discard(near, 1000) }()
		_, err := far.Write(make([]byte, sent))
		require.NoError(t, err)
		require.NoError(t, far.Close())
		require.ErrorIs(t, <-got, want)
		require.NoError(t, near.Close())
	}
}
