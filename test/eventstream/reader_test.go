package eventstream_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/eventstream"
)

// TestReader checks the examples of the specification.
func TestReader(t *testing.T) {
	r := eventstream.NewReader(strings.NewReader("\ufeffretry: 10\n: a comment\n\ndata: first\nid: 1\n\ndata:second\rid\r\r" +
		"data:  third\r\ndata\r\nevent: add\r\n\r\nevent: no data\n\ndata: x\n\ndata: incomplete\n"))
	for _, want := range []eventstream.Event{
		{"message", "first", "1"}, {"message", "second", ""}, {"add", " third\n", ""}, {"message", "x", ""},
	} {
		got, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := r.Next()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 10*time.Millisecond, r.Retry)
	require.Equal(t, 1, r.Comments)
}
