package httpserver_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// limitRecorder is a limiter that keeps the counted parties and classes.
type limitRecorder struct {
	mu       sync.Mutex
	received []string
	full     map[domain.LimitClass]bool
	resets   time.Duration
}

func (l *limitRecorder) Take(_ context.Context, party string, limit domain.Limit) domain.RateDecision {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received = append(l.received, party+" "+string(limit.Class))
	return domain.RateDecision{Allowed: !l.full[limit.Class], Remaining: limit.Max - 1, Reset: l.resets}
}

func (l *limitRecorder) read() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.received...)
}

// lowLimits returns a different limit for each class.
func lowLimits() httpserver.LimitsConfig {
	return httpserver.LimitsConfig{Window: time.Minute, Commands: 2, Uploads: 3, Queries: 4, Default: 5, Refused: 6}
}

func withLimiter(l *limitRecorder) change {
	return with(func(p *httpserver.GatewayParts) {
		p.Config.Limits = lowLimits()
		if l != nil {
			p.Limiter = l
		}
	})
}

func limitHeaders(r reply) [3]string {
	return [3]string{r.Header.Get("RateLimit-Limit"), r.Header.Get("RateLimit-Remaining"), r.Header.Get("RateLimit-Reset")}
}

// TestEveryRouteCountsItsClass checks that routes with a class have the headers of their
// limit, and other routes have none.
func TestEveryRouteCountsItsClass(t *testing.T) {
	t.Parallel()
	l := &limitRecorder{resets: 41*time.Second + 1}
	w := newEnvironment(t, withLimiter(l))
	most := map[domain.LimitClass]int{"commands": 2, "uploads": 3, "queries": 4, "default": 5}
	for _, route := range w.Routes() {
		before := len(l.read())
		r := call(t, route.Method, w.base+fillTemplate(route.Path), "", "Authorization: Bearer u1")
		counted := l.read()[before:]
		if route.Limit == httpserver.LimitNone {
			assert.Empty(t, counted, route)
			assert.Equal(t, [3]string{}, limitHeaders(r), route)
			continue
		}
		party := "user:u1"
		if route.Access == httpserver.Anyone {
			party = "addr:127.0.0.1"
		}
		assert.Equal(t, []string{party + " " + string(route.Limit)}, counted, route)
		limit := most[route.Limit]
		assert.Equal(t, [3]string{strconv.Itoa(limit), strconv.Itoa(limit - 1), "42"}, limitHeaders(r), route)
	}
	r := call(t, http.MethodGet, w.base+"/nowhere", "")
	assert.Equal(t, [3]string{}, limitHeaders(r))
}

func TestRequestOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, withLimiter(nil))
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Document: []byte(`{}`)})
	w.platform.AddBatch("b2", domain.BatchReport{Owner: "u1", Document: []byte(`{}`)})
	for i := range 4 {
		r := call(t, http.MethodGet, w.base+[]string{"/v1/batches", "/v1/batches/b1/status"}[i%2], "", "Authorization: Bearer u1")
		require.Equal(t, 200, r.StatusCode, "a class, not a path, is limited")
		require.Equal(t, [3]string{"4", strconv.Itoa(3 - i), "60"}, limitHeaders(r))
	}
	r := call(t, http.MethodGet, w.base+"/v1/batches/b2/status", "", "Authorization: Bearer u1", "Origin: http://localhost:5173")
	f := requireError(t, r, 429, "RATE_LIMIT")
	assert.Equal(t, map[string]any{"limit": 4.0, "window_seconds": 60.0}, f.Details)
	assert.Equal(t, [3]string{"4", "0", "60"}, limitHeaders(r))
	assert.Equal(t, "60", r.Header.Get("Retry-After"))
	assert.Contains(t, r.Header.Get("Access-Control-Expose-Headers"), "RateLimit-Reset")
	assert.Equal(t, []domain.RequestLimited{{Class: domain.LimitQueries}}, recorded.FactsOf[domain.RequestLimited](w.facts.All()))

	assert.Equal(t, 202, startPipeline(t, w, `{"requested_pipeline":"nlp"}`).StatusCode, "another class")
	assert.Equal(t, 200, call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u2").StatusCode, "another user")
	for range 20 {
		assert.Equal(t, 200, call(t, http.MethodGet, w.base+"/healthz", "").StatusCode)
		assert.Equal(t, 200, call(t, http.MethodGet, w.base+"/metrics", "").StatusCode)
	}
}

func TestRefusedRequestsReachNoService(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, withLimiter(&limitRecorder{full: map[domain.LimitClass]bool{domain.LimitCommands: true}}))
	r := startPipeline(t, w, `{"requested_pipeline":"nlp"}`)
	require.Equal(t, 429, r.StatusCode)
	assert.Equal(t, "1", r.Header.Get("Retry-After"), "never zero")
	assert.Empty(t, w.platform.Commands())
}

func TestRequestsWithoutTokenAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, withLimiter(nil))
	for range 5 {
		require.Equal(t, 200, call(t, http.MethodGet, w.base+"/v1/test/no-auth", "").StatusCode)
	}
	r := call(t, http.MethodGet, w.base+"/v1/test/no-auth", "", "X-Forwarded-For: 198.51.100.7")
	require.Equal(t, 429, r.StatusCode, "the limit counts addresses")
	require.Equal(t, 200, call(t, http.MethodGet, w.base+"/v1/test/with-auth", "", "Authorization: Bearer u1").StatusCode)
}

func TestRefusedTokensAreCounted(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, withLimiter(nil))
	bad := []string{"Authorization: Bearer forged", "Authorization: Basic x", "X-Nothing: 1"}
	for i := range 6 {
		r := call(t, http.MethodGet, w.base+"/v1/batches", "", bad[i%3])
		require.Equal(t, 401, r.StatusCode)
		require.Equal(t, [3]string{"6", strconv.Itoa(5 - i), "60"}, limitHeaders(r))
	}
	for _, header := range bad {
		r := call(t, http.MethodGet, w.base+"/v1/batches", "", header)
		f := requireError(t, r, 429, domain.RateLimit)
		assert.Equal(t, map[string]any{"limit": 6.0, "window_seconds": 60.0}, f.Details)
		assert.Equal(t, "60", r.Header.Get("Retry-After"))
		assert.Empty(t, r.Header.Get("WWW-Authenticate"))
	}
	assert.Equal(t, slices.Repeat([]domain.RequestLimited{{Class: domain.LimitRefused}}, 3), recorded.FactsOf[domain.RequestLimited](w.facts.All()))
	r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1")
	require.Equal(t, 200, r.StatusCode, "a valid token is never refused for its address")
	r = call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer no-keys")
	require.Equal(t, 503, r.StatusCode, "keys that are missing are no fault of the token")
}

func TestAddressFromATrustedProxyIsUsed(t *testing.T) {
	t.Parallel()
	l := &limitRecorder{}
	w := newEnvironment(t, withLimiter(l), with(func(p *httpserver.GatewayParts) {
		p.Config.TrustedProxies = "127.0.0.0/8, 2001:db8:ffff::/48"
	}))
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, "127.0.0.1"},
		{[]string{"198.51.100.7"}, "198.51.100.7"},
		{[]string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		{[]string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7"},
		{[]string{"198.51.100.7, 127.0.0.3,2001:db8:ffff:1::7"}, "198.51.100.7"},
		{[]string{"198.51.100.7:4711"}, "198.51.100.7"},
		{[]string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{[]string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
		{[]string{"[2001:db8:1:2::9]:443"}, "2001:db8:1:2::/64"},
		{[]string{"[2001:db8:1:2::9]"}, "2001:db8:1:2::/64"},
		{[]string{"fe80::1%eth0"}, "fe80::/64"},
		{[]string{"198.51.100.7, unknown, 127.0.0.9"}, "127.0.0.9"},
		{[]string{"198.51.100.7,"}, "198.51.100.7"},
		{[]string{", ,198.51.100.7, ,127.0.0.3,,"}, "198.51.100.7"},
		{[]string{","}, "127.0.0.1"},
		{[]string{"198.51.100.7", ""}, "198.51.100.7"},
		{[]string{"127.0.0.5, 127.0.0.6"}, "127.0.0.5"},
	} {
		headers := make([]string, 0, len(c.lines))
		for _, line := range c.lines {
			headers = append(headers, "X-Forwarded-For: "+line)
		}
		before := len(l.read())
		call(t, http.MethodGet, w.base+"/v1/test/no-auth", "", headers...)
		assert.Equal(t, []string{"addr:" + c.want + " default"}, l.read()[before:], c.lines)
	}
}

func TestRateLimitSettings(t *testing.T) {
	t.Parallel()
	var c httpserver.LimitsConfig
	require.NoError(t, env.Read(&c, map[string]string{}))
	assert.Equal(t, httpserver.LimitsConfig{Window: time.Minute, Commands: 20, Uploads: 50, Queries: 100, Default: 100, Refused: 100}, c)
	require.NoError(t, env.Read(&c, map[string]string{"API_GATEWAY_RATE_LIMIT_REQUESTS": "7"}))
	assert.Equal(t, 7, c.Default)
	err := env.Read(&c, map[string]string{
		"API_GATEWAY_RATE_LIMIT_WINDOW": "0.5", "API_GATEWAY_RATE_LIMIT_COMMANDS": "0", "API_GATEWAY_RATE_LIMIT_UPLOADS": "-1",
		"API_GATEWAY_RATE_LIMIT_QUERIES": "0", "API_GATEWAY_RATE_LIMIT_REQUESTS": "0", "API_GATEWAY_RATE_LIMIT_REFUSED": "0",
	})
	assert.Equal(t, []string{
		"API_GATEWAY_RATE_LIMIT_WINDOW: must be at least a second", "API_GATEWAY_RATE_LIMIT_COMMANDS: must be at least 1",
		"API_GATEWAY_RATE_LIMIT_UPLOADS: must be at least 1", "API_GATEWAY_RATE_LIMIT_QUERIES: must be at least 1",
		"API_GATEWAY_RATE_LIMIT_REQUESTS: must be at least 1", "API_GATEWAY_RATE_LIMIT_REFUSED: must be at least 1",
	}, env.Explain(err))
}

func TestInvalidLimitsPreventTheStart(t *testing.T) {
	t.Parallel()
	w := unserved()
	p := w.parts(w.platform)
	p.Config.Limits.Queries = 0
	_, err := httpserver.NewGateway(p)
	require.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
}
