package httpserver

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/domain"
)

// maxPathText bounds a path in log lines and errors, in characters.
const maxPathText = 100

// accessLog counts the request, ends its span and writes one log line, also after a
// panic.
func (m *middleware) accessLog(c *gin.Context) {
	m.observer.Observe(domain.RequestStarted{})
	defer m.finishRequest(c, requestStateOf(c))
	c.Next()
}

func (m *middleware) finishRequest(c *gin.Context, x *requestState) {
	status, took := x.status, time.Since(x.started)
	if status == 0 {
		status = c.Writer.Status()
	}
	endSpan(x, status)
	method := x.endpoint.label(c.Request.Method)
	m.observer.Observe(domain.RequestServed{Method: method, Endpoint: x.endpoint.template, Status: status, Duration: took})
	m.log.LogAttrs(c.Request.Context(), x.level(), "request", slog.Any("", requestLine{
		requestState: x, url: c.Request.URL, method: method, status: status, bytes: max(c.Writer.Size(), 0), took: took,
	}))
}

// level returns the log level: error for a 5xx, debug for probes, else info.
func (x *requestState) level() slog.Level {
	switch {
	case x.failure != nil && StatusOf(x.failure) >= http.StatusInternalServerError:
		return slog.LevelError
	case x.endpoint.quiet:
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// requestLine is the log line of a request. It is formatted only if the line is written: most
// lines of a busy service are dropped by sampling.
type requestLine struct {
	*requestState

	url    *url.URL
	method string
	status int
	bytes  int
	took   time.Duration
}

// LogValue returns the fields of the line. The query is omitted, because it may contain a token.
func (x requestLine) LogValue() slog.Value {
	out := []slog.Attr{
		slog.String("method", x.method),
		slog.String("endpoint", x.endpoint.template),
		slog.String("path", decode.Clip(x.url.EscapedPath(), maxPathText)),
		slog.Int("status", x.status),
		slog.Float64("took_seconds", x.took.Seconds()),
		slog.Int("bytes", x.bytes),
	}
	if x.caller.User != "" {
		out = append(out, slog.String("user_id", string(x.caller.User)))
	}
	if x.correlationReplaced {
		out = append(out, slog.Bool("correlation_id_replaced", true))
	}
	if x.failure != nil {
		out = append(out, slog.String("error_code", string(x.failure.Code)), slog.String("error", x.failure.Error()))
	}
	if x.stack != nil {
		out = append(out, slog.String("stack", string(x.stack)))
	}
	return slog.GroupValue(out...)
}
