package matrix_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
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

// accessLog collects the request lines of a gateway by correlation id, and the
// rest of its output as text.
type accessLog struct {
	mu    sync.Mutex
	lines map[string][]logLine
	other bytes.Buffer
}

func newAccessLog() *accessLog { return &accessLog{lines: map[string][]logLine{}} }

// Write keeps output that is not a log line, such as a report of a data race.
func (l *accessLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.other.Write(p)
}

func (l *accessLog) add(raw []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var line logLine
	if json.Unmarshal(raw, &line) == nil && (line.Message == "request" || line.Event == "request") {
		l.lines[line.Correlation] = append(l.lines[line.Correlation], line)
		return
	}
	l.other.Write(raw)
	l.other.WriteByte('\n')
}

// text returns the end of the output that is not about requests.
func (l *accessLog) text() string {
	const shown = 8 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.other.String()
	return all[max(0, len(all)-shown):]
}

// races returns the reports of the race detector.
func (l *accessLog) races() []string {
	const mark = "WARNING: DATA RACE"
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for report := range strings.SplitSeq(l.other.String(), "==================") {
		if strings.Contains(report, mark) {
			out = append(out, report)
		}
	}
	return out
}

// of returns the lines about one request.
func (l *accessLog) of(correlation string) []logLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[correlation]
}
