package eventstream

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHead(t *testing.T) {
	head := Head(http.Header{"X-A": {"1"}, "Content-Type": {"text/plain"}})
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Regexp(t, `^retry: [1-4]\d{3}\n\n$`, string(body))
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, "1", response.Header.Get("X-A"))
	require.Equal(t, []string{"text/event-stream"}, response.Header["Content-Type"])
	require.True(t, response.Close)
}
