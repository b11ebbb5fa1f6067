package httpclient

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"golang.org/x/net/http/httpguts"

	"github.com/huleedu/edge/domain"
)

// internalPrefix marks the routes that only services of the platform may use.
const internalPrefix = "/internal/"

// typicalRequestSize is room for a request with what is usual, in bytes.
const typicalRequestSize = 768

var errInvalidHeaderValue = errors.New("a header cannot carry a value")

// requestWriter is a request in HTTP/1.1 as it goes on the wire.
type requestWriter struct {
	buf []byte
	// invalid says that a value would have changed the request.
	invalid bool
}

func newRequestWriter(method, target, host string) *requestWriter {
	w := &requestWriter{buf: make([]byte, 0, typicalRequestSize)}
	for _, part := range []string{method, " ", target, " HTTP/1.1\r\nHost: ", host, "\r\n"} {
		w.buf = append(w.buf, part...)
	}
	w.addField("User-Agent", serviceID)
	return w
}

// addField adds a header field.
func (w *requestWriter) addField(name, value string) {
	w.invalid = w.invalid || !httpguts.ValidHeaderFieldValue(value)
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, ": "...)
	w.buf = append(w.buf, value...)
	w.buf = append(w.buf, "\r\n"...)
}

// finish adds the body; nil is none.
func (w *requestWriter) finish(body []byte) []byte {
	if body != nil {
		w.addField("Content-Length", strconv.Itoa(len(body)))
	}
	w.buf = append(w.buf, "\r\n"...)
	return append(w.buf, body...)
}

// encode writes a call: identity, correlation and the trace.
func (s *service) encode(ctx context.Context, c *call, target string) ([]byte, error) {
	w := newRequestWriter(c.method, target, s.pool.host)
	w.addField("Accept", "application/json")
	if c.body != nil {
		w.addField("Content-Type", "application/json")
	}
	w.addIdentity(c.caller)
	if trail := domain.RequestContextOf(ctx); trail.CorrelationID != "" {
		w.addField("X-Correlation-Id", trail.CorrelationID)
	}
	if strings.HasPrefix(c.endpoint, internalPrefix) {
		w.addField("X-Internal-Api-Key", s.key.Reveal())
		w.addField("X-Service-Id", serviceID)
	}
	propagation.TraceContext{}.Inject(ctx, headerCarrier{w})
	message := w.finish(c.body)
	if w.invalid {
		return nil, errInvalidHeaderValue
	}
	return message, nil
}

// headerCarrier lets the propagator write its fields; it reads none.
type headerCarrier struct{ *requestWriter }

// Get returns nothing.
func (headerCarrier) Get(string) string { return "" }

// Set adds a field.
func (t headerCarrier) Set(name, value string) { t.addField(name, value) }

// Keys returns nothing.
func (headerCarrier) Keys() []string { return nil }

// target is what the call asks for. It returns a VALIDATION_ERROR for an id that
// would change the path it stands in.
func (s *service) target(c *call) (string, error) {
	var out strings.Builder
	out.Grow(len(s.path) + len(c.endpoint) + len(c.query) + typicalIDsSize)
	out.WriteString(s.path)
	ids, rest := c.ids, c.endpoint
	for {
		plain, braced, more := strings.Cut(rest, "{")
		out.WriteString(plain)
		if !more {
			break
		}
		var name string
		name, rest, _ = strings.Cut(braced, "}")
		if !isPathSegment(ids[0]) {
			return "", domain.Invalid(name, "", "an id without slashes", "Invalid id in path")
		}
		out.WriteString(url.PathEscape(ids[0]))
		ids = ids[1:]
	}
	if c.query != "" {
		out.WriteByte('?')
		out.WriteString(c.query)
	}
	return out.String(), nil
}

// typicalIDsSize is room for the ids of a target, in bytes.
const typicalIDsSize = 48

// isPathSegment refuses what servers and proxies read as more, or less, than one
// segment of a path, also when it is escaped; some drop what stands behind a
// semicolon before they look.
func isPathSegment(id string) bool {
	name, _, _ := strings.Cut(id, ";")
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(id, `/\`)
}
