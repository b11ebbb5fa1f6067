package httpclient

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/huleedu/edge/domain"
)

// internalPrefix marks the routes that only services of the platform may use.
const internalPrefix = "/internal/"

// request builds what goes on the wire: identity, correlation and the trace.
func (s *service) request(ctx context.Context, c call, target string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, c.method, target, bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	h := fields{req.Header, make([]string, 0, mostFields)}
	h.set("Accept", "application/json")
	h.set("User-Agent", serviceID)
	if c.body != nil {
		h.set("Content-Type", "application/json")
	}
	h.identify(c.caller)
	if trail := domain.TrailOf(ctx); trail.Correlation != "" {
		h.set("X-Correlation-Id", trail.Correlation)
	}
	if strings.HasPrefix(c.endpoint, internalPrefix) {
		h.set("X-Internal-Api-Key", s.key.Reveal())
		h.set("X-Service-Id", serviceID)
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	return req, nil
}

// mostFields is how many header fields a call has at most, the trace's aside.
const mostFields = 9

// fields fills a header with one piece of memory for all values.
type fields struct {
	header http.Header
	values []string
}

// set adds a field by its canonical name.
func (f *fields) set(name, value string) {
	f.values = append(f.values, value)
	last := len(f.values)
	f.header[name] = f.values[last-1 : last : last]
}

// target is the call's URL. It returns a VALIDATION_ERROR for an id that would
// change the path it stands in.
func (s *service) target(c call) (string, error) {
	parts := strings.Split(c.endpoint, "/")
	ids := c.ids
	for i, part := range parts {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		if !fitsSegment(ids[0]) {
			return "", domain.Invalid(strings.Trim(part, "{}"), "", "an id without slashes", "Invalid id in path")
		}
		parts[i], ids = url.PathEscape(ids[0]), ids[1:]
	}
	target := s.base + strings.Join(parts, "/")
	if c.query != "" {
		target += "?" + c.query
	}
	return target, nil
}

// fitsSegment refuses what servers and proxies read as more, or less, than one
// segment of a path, also when it is escaped; some drop what stands behind a
// semicolon before they look.
func fitsSegment(id string) bool {
	name, _, _ := strings.Cut(id, ";")
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(id, `/\`)
}
