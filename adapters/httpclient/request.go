package httpclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"golang.org/x/net/http/httpguts"

	"github.com/huleedu/edge/adapters/internal/identity"
	"github.com/huleedu/edge/domain"
)

const (
	// internalPrefix marks the routes that only services of the platform may use.
	internalPrefix = "/internal/"
	// serviceID is the name of the gateway on internal routes.
	serviceID = "api-gateway-service"
	// typicalFields is the number of header fields that differ between calls for which memory is
	// allocated.
	typicalFields = 4
	// typicalIDs is the size of the ids of a call for which memory is allocated, in bytes.
	typicalIDs = 48
)

var errInvalidHeaderValue = errors.New("a header cannot carry a value")

// newRequest returns the request of a call with the caller's identity, the correlation id and
// the trace. It returns an error for a value that would change the header.
func (s *service) newRequest(ctx context.Context, c *call, path string) (*http.Request, error) {
	var body io.Reader
	if c.body != nil {
		body = bytes.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(ctx, c.method, "", body)
	if err != nil {
		return nil, err
	}
	// The parts are known; to join and parse them would cost more.
	req.URL.Scheme, req.URL.Host, req.URL.RawPath, req.URL.RawQuery = s.base.Scheme, s.base.Host, path, c.query
	if req.URL.Path, err = url.PathUnescape(path); err != nil {
		return nil, err
	}
	s.setHeader(ctx, req.Header, c)
	for _, values := range req.Header {
		if !httpguts.ValidHeaderFieldValue(values[0]) {
			return nil, errInvalidHeaderValue
		}
	}
	return req, nil
}

// setHeader sets the header of a call. The fields that differ between calls share one
// allocation for their values.
func (s *service) setHeader(ctx context.Context, h http.Header, c *call) {
	maps.Copy(h, s.header)
	values := make([]string, 0, typicalFields)
	set := func(canonical, value string) {
		if value != "" {
			values = append(values, value)
			h[canonical] = values[len(values)-1 : len(values) : len(values)]
		}
	}
	if c.body != nil {
		set("Content-Type", "application/json")
	}
	id := identity.Of(c.caller)
	set("X-Identity-Encoding", id.Encoding)
	set("X-User-Id", id.User)
	set("X-Org-Id", id.Org)
	set("X-Correlation-Id", domain.RequestContextOf(ctx).CorrelationID)
	if strings.HasPrefix(c.endpoint, internalPrefix) {
		maps.Copy(h, s.internalHeader)
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
}

// path returns the escaped path of a call. It returns a VALIDATION_ERROR for an id that would
// change the path.
func (s *service) path(c *call) (string, error) {
	var out strings.Builder
	out.Grow(len(s.base.Path) + len(c.endpoint) + typicalIDs)
	out.WriteString(s.base.EscapedPath())
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
	return out.String(), nil
}

// isPathSegment reports whether servers and proxies read the id as one segment of a path, also
// when it is escaped. Some of them drop what follows a semicolon first.
func isPathSegment(id string) bool {
	name, _, _ := strings.Cut(id, ";")
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(id, `/\`)
}
