package httpserver

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// newServerLog returns the logger of net/http. Failed TLS handshakes are logged for debugging
// only, because any client can cause them.
func newServerLog(l *slog.Logger) *log.Logger { return log.New(serverLog{l}, "", 0) }

// serverLog writes the lines of net/http as warnings.
type serverLog struct{ log *slog.Logger }

// Write logs one line.
func (s serverLog) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		level = slog.LevelDebug
	}
	s.log.Log(context.Background(), level, "the HTTP server reports a problem", "problem", string(bytes.TrimSpace(line)))
	return len(line), nil
}
