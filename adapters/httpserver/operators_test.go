package httpserver_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const operatorToken = "operator-token-of-the-tests-0123456789"

// oneCircuit reports one service.
type oneCircuit struct{}

func (oneCircuit) Circuits() []domain.CircuitReport {
	return []domain.CircuitReport{{Service: "file_service", State: domain.CircuitStateOpen, Failures: 5, InFlight: 2, IdleConnections: 1}}
}

// withOperators gives a gateway an admin address and a token.
func withOperators(w *environment, p *httpserver.GatewayParts) {
	p.Config.AdminAddr, p.Config.AdminToken = "127.0.0.1:0", operatorToken
	p.Operators = app.NewOperators(app.OperatorsParts{
		Node: app.NodeInfo{Service: domain.GatewayService, Name: "host/1"}, Readiness: w.ready,
		Limits: map[string]int64{"body_bytes": 10}, Counts: func() map[string]int64 { return map[string]int64{"calls_in_flight": 2} },
		Circuits: []ports.CircuitReporter{oneCircuit{}},
		Settings: []domain.EffectiveSetting{{Name: "LOG_LEVEL", Value: "info", Source: "default"}},
	})
}

// newOperatorEnvironment returns a gateway with an admin address and the base URL of that.
func newOperatorEnvironment(t *testing.T) (w *environment, admin string) {
	t.Helper()
	w = newEnvironment(t, withOperators)
	serve(t, w.Admin())
	return w, "http://" + w.Admin().Addr()
}

func TestOperatorsSeeTheNode(t *testing.T) {
	t.Parallel()
	w, admin := newOperatorEnvironment(t)
	for path, want := range map[string]string{
		"/admin/circuits": `[{"service":"file_service","state":"open","failures":5,"in_flight":2,"idle_connections":1}]`,
		"/admin/config":   `[{"name":"LOG_LEVEL","value":"info","source":"default"}]`,
		"/admin/node": `{"service":"api_gateway_service","version":"","revision":"","node":"host/1","started":"0001-01-01T00:00:00.000000+00:00",
			"environment":"","ready":true,"dependencies":{"kafka":{"status":"healthy","note":"connected"}},"limits":{"body_bytes":10},"counts":{"calls_in_flight":2}}`,
	} {
		r := call(t, http.MethodGet, admin+path, "", "Authorization: bearer "+operatorToken)
		require.Equal(t, 200, r.StatusCode, path)
		require.JSONEq(t, want, r.body)
		require.Equal(t, 404, call(t, http.MethodGet, w.base+path, "", "Authorization: Bearer "+operatorToken).StatusCode, "the public port has no such route")
	}
	require.Equal(t, 3, strings.Count(w.log.String(), `"msg":"operator request"`))
	require.NotContains(t, w.log.String(), operatorToken)
}

func TestOperatorsNeedTheToken(t *testing.T) {
	t.Parallel()
	w, admin := newOperatorEnvironment(t)
	for name, c := range map[string]struct {
		method, path, header string
		status               int
		reason               any
	}{
		"no header":            {"GET", "/admin/node", "", 401, "missing_authorization_header"},
		"a blank header":       {"GET", "/admin/node", "Authorization:  ", 401, "missing_authorization_header"},
		"no scheme":            {"GET", "/admin/node", "Authorization: " + operatorToken, 401, "invalid_authorization_format"},
		"another scheme":       {"GET", "/admin/config", "Authorization: Basic " + operatorToken, 401, "invalid_authorization_format"},
		"two tokens":           {"GET", "/admin/config", "Authorization: Bearer " + operatorToken + " " + operatorToken, 401, "invalid_authorization_format"},
		"another token":        {"GET", "/admin/circuits", "Authorization: Bearer " + strings.ToUpper(operatorToken), 401, "operator_token"},
		"the beginning":        {"GET", "/admin/circuits", "Authorization: Bearer " + operatorToken[:32], 401, "operator_token"},
		"more than the token":  {"GET", "/admin/circuits", "Authorization: Bearer " + operatorToken + "0", 401, "operator_token"},
		"a user's token":       {"GET", "/admin/node", "Authorization: Bearer u1", 401, "operator_token"},
		"a token in the query": {"GET", "/admin/node?token=" + operatorToken, "", 401, "missing_authorization_header"},
		"POST":                 {"POST", "/admin/node", "Authorization: Bearer " + operatorToken, 405, nil},
		"DELETE":               {"DELETE", "/admin/circuits", "Authorization: Bearer " + operatorToken, 405, nil},
		"PUT":                  {"PUT", "/admin/config", "Authorization: Bearer " + operatorToken, 405, nil},
		"an unknown route":     {"GET", "/admin/secrets", "Authorization: Bearer " + operatorToken, 404, nil},
		"the other service's":  {"GET", "/admin/users/u1/connections", "Authorization: Bearer " + operatorToken, 404, nil},
	} {
		headers := []string{}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		r := call(t, c.method, admin+c.path, "", headers...)
		t.Log(name)
		details := requireError(t, r, c.status, map[int]domain.Code{401: domain.AuthenticationError, 404: domain.ResourceNotFound, 405: domain.InvalidRequest}[c.status]).Details
		switch c.status {
		case 401:
			assert.Equal(t, c.reason, details["reason"], name)
			assert.Contains(t, r.Header.Get("WWW-Authenticate"), "Bearer", name)
		case 405:
			assert.Equal(t, "GET, HEAD", r.Header.Get("Allow"), name)
		}
	}
	require.NotContains(t, w.log.String(), operatorToken)
}

// oneConnection lists a connection of every user, whose session has the name of the user.
type oneConnection struct{}

func (oneConnection) Connections(user domain.UserID) []domain.ConnectionState {
	return []domain.ConnectionState{{Session: string(user)}}
}

// TestOperatorsAskAboutAnyUser checks that a user id is one percent-encoded segment of the path,
// whatever its characters are.
func TestOperatorsAskAboutAnyUser(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, hijacking, nil, func(c *httpserver.WebSocketConfig) { c.AdminAddr, c.AdminToken = "127.0.0.1:0", operatorToken })
	serve(t, w.Admin())
	ask := func(segment string) reply {
		return call(t, http.MethodGet, "http://"+w.Admin().Addr()+"/admin/users/"+segment+"/connections", "", "Authorization: Bearer "+operatorToken)
	}
	for _, user := range []string{"teacher-anna", "org/anna", "/", "a%2Fb", "..", ".", "a\\b", "a+b c", "a?b#c;d", "anna@school.example", "åsa", "%"} {
		r := ask(url.PathEscape(user))
		require.Equal(t, 200, r.StatusCode, "%q: %s", user, r.body)
		var found []struct{ Session string }
		require.NoError(t, json.Unmarshal([]byte(r.body), &found))
		require.Equal(t, user, found[0].Session)
	}
	for _, segment := range []string{"%7Dx", "a%00b", "%ff", "%20", strings.Repeat("a", 256)} {
		requireErrorOf(t, domain.WebSocketService, ask(segment), 400, domain.ValidationError)
	}
}

func TestNoOperatorRoutesWithoutToken(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t, withOperators, with(func(p *httpserver.GatewayParts) { p.Config.AdminToken = "" }))
	serve(t, w.Admin())
	assert.Equal(t, []string{"/healthz", "/readyz", "/metrics"}, listed(w.Admin()))

	one := newEnvironment(t, withOperators, with(func(p *httpserver.GatewayParts) { p.Config.AdminAddr = "" }))
	assert.NotContains(t, strings.Join(listed(one.Server), " "), "/admin")
}

func TestAdminTokenProblems(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"": true, operatorToken: true, operatorToken[:31]: false, operatorToken + " ": false, operatorToken + "\n": false, operatorToken + "ä": false,
	} {
		token := domain.Secret(text)
		g, s := gatewayConfig(), httpserver.WebSocketConfig{AdminAddr: ":9090", AdminToken: token}
		g.AdminAddr, g.AdminToken = ":9090", token
		want := []any{"ADMIN_TOKEN"}
		if good {
			want = []any{}
		}
		assert.Equal(t, want, keys(g.Problems(domain.Development)), "%q", text)
		assert.Equal(t, want, keys(s.Problems(domain.Development)), "%q", text)
	}
	g := gatewayConfig()
	g.AdminToken = operatorToken
	assert.Equal(t, []any{"ADMIN_TOKEN"}, keys(g.Warnings(domain.Development)), "it has no effect")
}
