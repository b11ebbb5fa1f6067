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

// usualRequest is room for a request with what is usual, in bytes.
const usualRequest = 768

var errNoField = errors.New("a header cannot carry a value")

// writing is a request in HTTP/1.1 as it goes on the wire.
type writing struct {
	text []byte
	// unfit says that a value would have changed the request.
	unfit bool
}

func newWriting(method, target, host string) *writing {
	w := &writing{text: make([]byte, 0, usualRequest)}
	for _, part := range []string{method, " ", target, " HTTP/1.1\r\nHost: ", host, "\r\n"} {
		w.text = append(w.text, part...)
	}
	w.field("User-Agent", serviceID)
	return w
}

// field adds a header field.
func (w *writing) field(name, value string) {
	w.unfit = w.unfit || !httpguts.ValidHeaderFieldValue(value)
	w.text = append(w.text, name...)
	w.text = append(w.text, ": "...)
	w.text = append(w.text, value...)
	w.text = append(w.text, "\r\n"...)
}

// end adds the body; nil is none.
func (w *writing) end(body []byte) []byte {
	if body != nil {
		w.field("Content-Length", strconv.Itoa(len(body)))
	}
	w.text = append(w.text, "\r\n"...)
	return append(w.text, body...)
}

// request writes a call: identity, correlation and the trace.
func (s *service) request(ctx context.Context, c *call, target string) ([]byte, error) {
	w := newWriting(c.method, target, s.lines.host)
	w.field("Accept", "application/json")
	if c.body != nil {
		w.field("Content-Type", "application/json")
	}
	w.identify(c.caller)
	if trail := domain.TrailOf(ctx); trail.Correlation != "" {
		w.field("X-Correlation-Id", trail.Correlation)
	}
	if strings.HasPrefix(c.endpoint, internalPrefix) {
		w.field("X-Internal-Api-Key", s.key.Reveal())
		w.field("X-Service-Id", serviceID)
	}
	propagation.TraceContext{}.Inject(ctx, carrier{w})
	message := w.end(c.body)
	if w.unfit {
		return nil, errNoField
	}
	return message, nil
}

// carrier lets the propagator write its fields; it reads none.
type carrier struct{ *writing }

// Get returns nothing.
func (carrier) Get(string) string { return "" }

// Set adds a field.
func (t carrier) Set(name, value string) { t.field(name, value) }

// Keys returns nothing.
func (carrier) Keys() []string { return nil }

// target is what the call asks for. It returns a VALIDATION_ERROR for an id that
// would change the path it stands in.
func (s *service) target(c *call) (string, error) {
	var out strings.Builder
	out.Grow(len(s.path) + len(c.endpoint) + len(c.query) + usualIDs)
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
		if !fitsSegment(ids[0]) {
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

// usualIDs is room for the ids of a target, in bytes.
const usualIDs = 48

// fitsSegment refuses what servers and proxies read as more, or less, than one
// segment of a path, also when it is escaped; some drop what stands behind a
// semicolon before they look.
func fitsSegment(id string) bool {
	name, _, _ := strings.Cut(id, ";")
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(id, `/\`)
}
