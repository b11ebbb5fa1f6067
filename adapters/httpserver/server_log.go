package httpserver

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// acceptLogInterval is the shortest time between two lines about connections that cannot be accepted:
// net/http tries again after at most a second, and each attempt fails until files are closed.
const acceptLogInterval = 10 * time.Second

// newServerLog returns the logger of net/http. Failed TLS handshakes are logged for debugging
// only, because any client can cause them.
func newServerLog(l *slog.Logger) *log.Logger {
	return log.New(serverLog{l, rate.NewLimiter(rate.Every(acceptLogInterval), 1)}, "", 0)
}

// serverLog writes the lines of net/http as warnings.
type serverLog struct {
	log *slog.Logger
	// accepts limits the lines about connections that cannot be accepted.
	accepts *rate.Limiter
}

// Write logs one line.
func (s serverLog) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	switch {
	case bytes.HasPrefix(line, []byte("http: TLS handshake error")):
		level = slog.LevelDebug
	case bytes.HasPrefix(line, []byte("http: Accept error")) && !s.accepts.Allow():
		return len(line), nil
	}
	s.log.Log(context.Background(), level, "the HTTP server reports a problem", "problem", string(bytes.TrimSpace(line)))
	return len(line), nil
}
