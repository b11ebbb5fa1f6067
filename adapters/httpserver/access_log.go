package httpserver

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
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
	line := slog.Any("", requestLine{
		requestState: x, request: c.Request, proxies: m.proxies, method: method, status: status, bytes: max(c.Writer.Size(), 0), took: took,
	})
	if x.endpoint.operatorAllowed(status) {
		// A text of its own, so that the sampling of other lines does not drop it.
		m.log.LogAttrs(c.Request.Context(), x.level(), "operator request", line)
		return
	}
	m.log.LogAttrs(c.Request.Context(), x.level(), "request", line)
}

// level returns the log level: debug for probes and scrapes, also when they report that this
// node is not ready or that a dependency is down, because those changes have lines of their
// own; error for every other 5xx, else info.
func (x *requestState) level() slog.Level {
	status := 0
	if x.failure != nil {
		status = StatusOf(x.failure)
	}
	switch {
	case x.endpoint.quiet && (status < http.StatusInternalServerError || status == http.StatusServiceUnavailable):
		return slog.LevelDebug
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// requestLine is the log line of a request. It is formatted only if the line is written: most
// lines of a busy service are dropped by sampling.
type requestLine struct {
	*requestState

	request *http.Request
	// proxies finds the address of the client.
	proxies clientip.Proxies
	method  string
	status  int
	bytes   int
	took    time.Duration
}

// LogValue returns the fields of the line. The query is omitted, because it may contain a token.
func (x requestLine) LogValue() slog.Value {
	out := []slog.Attr{
		slog.String("method", x.method),
		slog.String("endpoint", x.endpoint.template),
		slog.String("path", decode.Clip(x.request.URL.EscapedPath(), maxPathText)),
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
	if failure := cmp.Or(x.failure, domain.As(x.handshake.Refusal)); failure != nil {
		out = append(out, slog.String("error_code", string(failure.Code)), slog.String("error", failure.Error()))
		out = append(out, refusalAttributes(x.request, failure, x.proxies)...)
	}
	if x.handshake.Refusal != nil {
		out = append(out, slog.Int("close_code", x.handshake.CloseCode))
	}
	if x.stack != nil {
		out = append(out, slog.String("stack", string(x.stack)))
	}
	return slog.GroupValue(out...)
}
