package httpserver

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A service without free descriptors fails to accept many times a second. It says so once in an interval,
// and other problems at once.
func TestServerLogLimitsAcceptErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newServerLog(slog.New(slog.NewTextHandler(&out, nil)))
		accept := func() { log.Print("http: Accept error: accept tcp: too many open files; retrying in 5ms") }
		accept()
		accept()
		log.Print("http: another problem")
		require.Equal(t, 1, strings.Count(out.String(), "Accept error"))
		require.Equal(t, 1, strings.Count(out.String(), "another problem"))
		time.Sleep(acceptLogInterval)
		accept()
		require.Equal(t, 2, strings.Count(out.String(), "Accept error"))
	})
}
