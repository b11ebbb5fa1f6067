package e2e_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
)

// routesRejectInvalidTokens sends every kind of invalid token to every route that needs a user. The
// bodies are invalid too: a client without a token must not learn the schema.
func routesRejectInvalidTokens(t *testing.T, s *running) {
	gateway := s.gateways[0]
	guarded := 0
	for _, route := range gateway.Routes {
		if route.Access != httpserver.User {
			continue
		}
		guarded++
		for _, r := range refusals() {
			t.Run(route.Method+" "+route.Path+"/"+r.name, func(t *testing.T) {
				checkRefusal(t, gateway, route, r)
			})
		}
	}
	require.GreaterOrEqual(t, guarded, 7, "too few routes need a user")
}

func checkRefusal(t *testing.T, gateway service, route httpserver.Route, r refusal) {
	t.Helper()
	path := strings.NewReplacer("{batch_id}", "b1", "{path}", "p").Replace(route.Path)
	h := headers{}
	if r.authorization != "" {
		h["Authorization"] = r.authorization
	}
	a := call(t, route.Method, gateway.http(path), "{nonsense", h)
	require.Equal(t, 401, a.status)
	challenge := a.header.Get("WWW-Authenticate")
	require.True(t, strings.HasPrefix(challenge, "Bearer"), challenge)
	require.Equal(t, r.reason != "missing_authorization_header", strings.Contains(challenge, "error="), challenge)
	if route.Method == http.MethodHead {
		return
	}
	details := map[string]any{"reason": r.reason}
	if r.cause != "" {
		details["cause"] = r.cause
	}
	f := a.failure(t, 401, "AUTHENTICATION_ERROR")
	require.Equal(t, r.message, f.Message)
	require.Equal(t, details, f.Details)
	require.Equal(t, "api_gateway_service", f.Service)
}

// socketsRejectInvalidTokens checks the close frame for each kind of invalid token. A browser cannot
// read the status of a refused handshake.
func socketsRejectInvalidTokens(t *testing.T, s *running) {
	node := s.nodes[0]
	const correlation = "0f4b4c3e-7d0c-4d2a-9d55-0a2a7a4b1c11"
	for _, r := range refusals() {
		t.Run(r.name, func(t *testing.T) {
			h := headers{"X-Correlation-ID": correlation}
			if r.authorization != "" {
				h["Authorization"] = r.authorization
			}
			closed := connect(t, node.ws(), h).closedBecause(t, 1008)
			// The space in a close frame beside the code and the id.
			const room = 17
			require.Equal(t, reason{"AUTHENTICATION_ERROR", r.message[:min(len(r.message), room)], correlation}, closed)
		})
	}
}

// tokenPlacesOfASocket checks that the first place that holds a token is used, even if the token is
// invalid.
func tokenPlacesOfASocket(t *testing.T, s *running) {
	node := s.nodes[0]
	good := harness.Token("teacher-places")
	query := node.ws() + "?token=" + good
	const protocol = "huleedu.notifications.v1"
	for name, r := range map[string]struct {
		url     string
		headers headers
		refused bool
	}{
		"header":                       {node.ws(), headers{"Authorization": "Bearer " + good}, false},
		"subprotocol":                  {node.ws(), headers{"Sec-WebSocket-Protocol": protocol + ", bearer." + good}, false},
		"query":                        {query, nil, false},
		"query, with a slash":          {node.ws() + "/?token=" + good, nil, false},
		"bad header, good query":       {query, headers{"Authorization": "Bearer x"}, true},
		"bad subprotocol, good query":  {query, headers{"Sec-WebSocket-Protocol": protocol + ", bearer.y"}, true},
		"good header, bad subprotocol": {node.ws(), headers{"Sec-WebSocket-Protocol": protocol + ", bearer.x", "Authorization": "Bearer " + good}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, r.url, r.headers)
			if _, offered := r.headers["Sec-WebSocket-Protocol"]; offered {
				require.Equal(t, protocol, c.head.Get("Sec-WebSocket-Protocol"), "refused handshakes select it too")
			}
			if r.refused {
				c.closedBecause(t, 1008)
				return
			}
			require.NoError(t, s.platform.PublishDirect(t.Context(), domain.UserID("teacher-places"), name, nil))
			require.Equal(t, name, c.next(t).Event)
			require.NoError(t, c.Close())
		})
	}
}

// everyResponseHasTheCorrelationID checks responses of each status, with a correlation id of the
// client and without one.
func everyResponseHasTheCorrelationID(t *testing.T, s *running) {
	gateway, node := s.gateways[0], s.nodes[0]
	teacher, batch := s.batch(1)
	const given, canonical = "{0F4B4C3E7D0C4D2A9D550A2A7A4B1C11}", "0f4b4c3e-7d0c-4d2a-9d55-0a2a7a4b1c11"
	for _, r := range []struct {
		status            int
		method, url, body string
		headers           headers
	}{
		{200, "GET", gateway.http("/healthz"), "", nil},
		{200, "GET", gateway.http(statusPath(batch)), "", as(teacher)},
		{202, "POST", gateway.http(pipelinesPath(batch)), pipelineBody("spellcheck"), as(teacher)},
		{400, "GET", gateway.http("/v1/batches/../b"), "", as(teacher)},
		{401, "GET", gateway.http(statusPath(batch)), "", nil},
		{403, "GET", gateway.http(statusPath(batch)), "", as("teacher-else")},
		{404, "GET", gateway.http("/nowhere"), "", nil},
		{404, "GET", gateway.http(statusPath("unknown")), "", as(teacher)},
		{405, "DELETE", gateway.http(statusPath(batch)), "", nil},
		{415, "POST", gateway.http(pipelinesPath(batch)), "a=b", headers{"Content-Type": "application/x-www-form-urlencoded"}.withToken(teacher)},
		{422, "POST", gateway.http(pipelinesPath(batch)), "{}", as(teacher)},
		{200, "GET", node.http("/healthz"), "", nil},
		{404, "GET", node.http("/nowhere"), "", nil},
		{405, "POST", node.http("/ws"), "", nil},
		{426, "GET", node.http("/ws"), "", nil},
	} {
		h := headers{}
		maps.Copy(h, r.headers)
		made := call(t, r.method, r.url, r.body, h)
		require.Equal(t, r.status, made.status, "%s %s: %s", r.method, r.url, &made)
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, made.header.Get("X-Correlation-ID"))
		if r.status == 202 {
			continue // the batch is already processing
		}
		h["X-Correlation-ID"] = given
		a := call(t, r.method, r.url, r.body, h)
		require.Equal(t, canonical, a.header.Get("X-Correlation-ID"), "%s %s", r.method, r.url)
		require.NotEmpty(t, a.header.Get("X-Trace-ID"))
		require.NotEqual(t, made.header.Get("X-Request-ID"), a.header.Get("X-Request-ID"))
	}
	c := connect(t, node.ws(), headers{"X-Correlation-ID": given}.withToken(teacher))
	require.Equal(t, canonical, c.head.Get("X-Correlation-ID"), "on the 101")
	c = connect(t, node.ws()+"?correlation_id="+canonical, as(teacher))
	require.Equal(t, canonical, c.head.Get("X-Correlation-ID"), "from the query")
}
