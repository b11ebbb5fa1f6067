package matrix_test

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/huleedu/edge/test/recorded"
)

// logLine is what the gateway's request log says about one request.
type logLine struct {
	Message     string `json:"message"`
	Event       string `json:"event"`
	Correlation string `json:"correlation_id"`
	Trace       string `json:"trace_id"`
	Method      string `json:"method"`
	Endpoint    string `json:"endpoint"`
	Path        string `json:"path"`
	Status      int    `json:"status"`
	Code        string `json:"error_code"`
	Error       string `json:"error"`
	Stack       string `json:"stack"`
}

// requestLog finds the request lines in the log of a gateway.
type requestLog struct {
	log *recorded.Log

	mu    sync.Mutex
	read  int // bytes of log that lines covers
	lines map[string][]logLine
}

func newRequestLog(log *recorded.Log) *requestLog {
	return &requestLog{log: log, lines: map[string][]logLine{}}
}

// of returns the lines about one request.
func (l *requestLog) of(correlation string) []logLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	for raw := range strings.Lines(l.log.From(l.read)) {
		l.read += len(raw) // the log grows by whole lines
		var line logLine
		if json.Unmarshal([]byte(raw), &line) == nil && (line.Message == "request" || line.Event == "request") {
			l.lines[line.Correlation] = append(l.lines[line.Correlation], line)
		}
	}
	return l.lines[correlation]
}
