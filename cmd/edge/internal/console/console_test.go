package console

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

const (
	host       = "127.0.0.1:4002"
	own        = "http://" + host
	adminToken = "the-operators-token-of-at-least-32-bytes"
)

// fakeUsers knows one user without connections.
type fakeUsers struct{ disconnected []domain.UserID }

func (*fakeUsers) Sessions(context.Context, domain.UserID) ([]domain.SessionInfo, error) {
	return nil, nil
}

func (*fakeUsers) Since(context.Context, domain.UserID, domain.Position) (domain.Replay, error) {
	return domain.Replay{Entries: []domain.LogEntry{{ID: "1-0", Frame: []byte(`{"event":"hello","id":"1-0"}`)}}}, nil
}

func (*fakeUsers) Tail(_ context.Context, _ domain.UserID, subscribed func(), receive func(string)) error {
	subscribed()
	receive(`{"event":"hello"}`)
	return domain.Unavailable("redis", 0)
}

func (u *fakeUsers) Disconnect(_ context.Context, user domain.UserID) error {
	u.disconnected = append(u.disconnected, user)
	return nil
}

// fakeTokens refuses every token.
type fakeTokens struct{}

func (fakeTokens) Validate(context.Context, string) (domain.Caller, error) {
	return domain.Caller{}, domain.TokenExpired()
}

// fakeLetters has one dead letter.
type fakeLetters struct{ replayed []string }

func (*fakeLetters) Newest(context.Context) (letters any, total int64, err error) {
	return []map[string]string{{"position": "0/1"}}, 1, nil
}

func (l *fakeLetters) Replay(_ context.Context, position string, dryRun bool) (string, error) {
	if !dryRun {
		l.replayed = append(l.replayed, position)
	}
	return "told", nil
}

// environment is a console with one node, and what it has logged.
type environment struct {
	handler http.Handler
	users   *fakeUsers
	letters *fakeLetters
	log     *bytes.Buffer
	session *Session
}

// newEnvironment returns a console. change changes its configuration.
func newEnvironment(t *testing.T, change func(*Config)) *environment {
	t.Helper()
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+adminToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(nodeAnswers()[r.URL.Path]))
	}))
	t.Cleanup(node.Close)
	e := &environment{users: &fakeUsers{}, letters: &fakeLetters{}, log: &bytes.Buffer{}}
	c := Config{
		Client: fstest.MapFS{"index.js": {Data: []byte("export {}")}},
		Nodes:  &Nodes{Addresses: func() []string { return []string{node.Listener.Addr().String()} }, Token: adminToken, Client: node.Client()},
		Users:  e.users, Tokens: fakeTokens{}, DeadLetters: e.letters, Log: slog.New(slog.NewTextHandler(e.log, nil)),
	}
	if change != nil {
		change(&c)
	}
	e.session, e.handler = c.Session, NewHandler(c)
	return e
}

// nodeAnswers returns the answers of the node by path.
func nodeAnswers() map[string]string {
	return map[string]string{
		"/admin/node":                           `{"service":"websocket_service","version":"1"}`,
		"/admin/circuits":                       `[]`,
		"/admin/config":                         `[{"name":"JWT_SECRET_KEY","value":"***","source":"environment"}]`,
		"/admin/users/teacher-anna/connections": `[{"session":"s1"}]`,
		"/metrics": "# TYPE websocket_active_connections gauge\nwebsocket_active_connections 3\n" +
			"# TYPE websocket_http_requests_total counter\nwebsocket_http_requests_total{http_status=\"200\",method=\"GET\"} 4\nwebsocket_http_requests_total{http_status=\"200\",method=\"HEAD\"} 1\n" +
			"# TYPE websocket_delivery_seconds histogram\nwebsocket_delivery_seconds_bucket{le=\"0.1\"} 7\nwebsocket_delivery_seconds_bucket{le=\"+Inf\"} 9\nwebsocket_delivery_seconds_sum 2\nwebsocket_delivery_seconds_count 9\n" +
			"# TYPE notification_partition_lag gauge\nnotification_partition_lag{partition=\"1\"} 7\nnotification_partition_lag{partition=\"0\"} 2\n",
	}
}

// do sends a request. headers are pairs; Host is the address of the console unless they name one.
func (e *environment) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = host
	for pair := range slices.Chunk(headers, 2) {
		if pair[0] == "Host" {
			r.Host = pair[len(pair)-1]
		} else {
			r.Header.Set(pair[0], pair[len(pair)-1])
		}
	}
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	return w
}

func TestHostileRequestsAreRefused(t *testing.T) {
	const disconnect, info = apiPath + "users/teacher-anna/disconnect", apiPath + "info"
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		want         int
	}{
		"own page":                    {"GET", info, []string{"Sec-Fetch-Site", "same-origin"}, 200},
		"without a browser":           {"GET", info, nil, 200},
		"localhost":                   {"GET", info, []string{"Host", "localhost:4002"}, 200},
		"loopback of IPv6":            {"GET", info, []string{"Host", "[::1]:4002"}, 200},
		"rebound name":                {"GET", info, []string{"Host", "evil.example:4002"}, 421},
		"rebound name that resembles": {"GET", info, []string{"Host", "localhost.evil.example"}, 421},
		"address of another machine":  {"GET", info, []string{"Host", "10.0.0.7:4002"}, 421},
		"empty host":                  {"GET", info, []string{"Host", ""}, 421},
		"foreign origin":              {"GET", info, []string{"Origin", "https://evil.example"}, 403},
		"origin of another port":      {"GET", info, []string{"Origin", "http://127.0.0.1:4003"}, 403},
		"origin of another scheme":    {"GET", info, []string{"Origin", "https://" + host}, 403},
		"null origin":                 {"GET", info, []string{"Origin", "null"}, 403},
		"other site by fetch":         {"GET", info, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		"other site by navigation":    {"GET", info, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		"link to the page":            {"GET", Path, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		"other port of this host":     {"GET", info, []string{"Sec-Fetch-Site", "same-site"}, 403},
		"action of the own page":      {"POST", disconnect, []string{"Origin", own}, 200},
		"action without origin":       {"POST", disconnect, nil, 403},
		"action of a form elsewhere":  {"POST", disconnect, []string{"Origin", "https://evil.example", "Content-Type", "text/plain"}, 403},
		"action by navigation":        {"POST", Path, []string{"Origin", own, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		"action by GET":               {"GET", disconnect, nil, 404},
		"path of a file outside":      {"GET", Path + "..%2fserver.go", nil, 404},
		"user that names other keys":  {"GET", apiPath + "users/%7Dcontrol/kept", nil, 400},
		"user with a slash":           {"GET", apiPath + "users/org%2Fanna/kept", nil, 200},
		"text that is not a position": {"GET", apiPath + "users/teacher-anna/kept?after=$", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, func(c *Config) { c.AllowActions = true })
			w := e.do(c.method, c.path, "", c.headers...)
			require.Equal(t, c.want, w.Code, w.Body)
			if c.want != http.StatusOK || c.path != disconnect {
				require.Empty(t, e.users.disconnected)
			}
		})
	}
}

func TestActionsNeedPermissionAndAreLogged(t *testing.T) {
	const path = apiPath + "users/teacher-anna/disconnect"
	e := newEnvironment(t, nil)
	require.Equal(t, http.StatusForbidden, e.do("POST", path, "", "Origin", own).Code)
	require.Empty(t, e.users.disconnected)
	require.Empty(t, e.log.String())

	e = newEnvironment(t, func(c *Config) { c.AllowActions = true })
	require.Equal(t, http.StatusOK, e.do("POST", path, "", "Origin", own).Code)
	require.Equal(t, []domain.UserID{"teacher-anna"}, e.users.disconnected)
	require.Contains(t, e.log.String(), "path="+path)
}

func TestDeadLettersAreReplayedOnlyByAnAction(t *testing.T) {
	const path = apiPath + "deadletters/0/1/replay"
	e := newEnvironment(t, nil)
	require.Contains(t, e.do("GET", apiPath+"deadletters", "").Body.String(), `"position":"0/1"`)
	require.Equal(t, http.StatusOK, e.do("GET", path, "").Code, "a dry run")
	require.Equal(t, http.StatusForbidden, e.do("POST", path, "", "Origin", own).Code)
	require.Empty(t, e.letters.replayed)
	e = newEnvironment(t, func(c *Config) { c.AllowActions = true })
	require.Equal(t, http.StatusOK, e.do("POST", path, "", "Origin", own).Code)
	require.Equal(t, []string{"0/1"}, e.letters.replayed)
	require.Contains(t, e.log.String(), "path="+path)
}

func TestSessionOpensOnceWithTheToken(t *testing.T) {
	e := newEnvironment(t, func(c *Config) { c.Session = NewSession() })
	query := e.session.Query()
	for _, path := range []string{Path, Path + "main.js", apiPath + "info", Path + "?token=", Path + "?token=wrong", apiPath + "info" + query} {
		require.Equal(t, http.StatusUnauthorized, e.do("GET", path, "").Code, path)
	}
	opened := e.do("GET", Path+query, "")
	require.Equal(t, http.StatusSeeOther, opened.Code)
	require.Equal(t, Path, opened.Header().Get("Location"), "the token does not stay in the address bar")
	cookie := opened.Result().Cookies()[0]
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	require.Equal(t, Path, cookie.Path)
	require.Equal(t, http.StatusUnauthorized, e.do("GET", Path+query, "").Code, "the token works once")
	require.Equal(t, http.StatusOK, e.do("GET", apiPath+"info", "", "Cookie", cookie.Name+"="+cookie.Value).Code)
	require.Equal(t, http.StatusUnauthorized, e.do("GET", apiPath+"info", "", "Cookie", cookie.Name+"=x").Code)
	require.Equal(t, http.StatusMisdirectedRequest, e.do("GET", Path, "", "Host", "evil.example", "Cookie", cookie.Name+"="+cookie.Value).Code)
}

func TestPolicyForbidsForeignScriptsAndFrames(t *testing.T) {
	e := newEnvironment(t, func(c *Config) {
		c.Demonstration = &Demonstration{Gateway: "http://127.0.0.1:4001", Notifications: "http://127.0.0.1:8080", Spans: &Recorder{}}
	})
	h := e.do("GET", Path, "").Header()
	require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' "+
		"http://127.0.0.1:4001 ws://127.0.0.1:4001 http://127.0.0.1:8080 ws://127.0.0.1:8080; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		h.Get("Content-Security-Policy"))
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", h.Get("Cache-Control"))
}

// TestAnswersContainNoSecret asks every question with the secrets that the console knows.
func TestAnswersContainNoSecret(t *testing.T) {
	const token = "a.pasted.token-of-a-user"
	e := newEnvironment(t, func(c *Config) { c.AllowActions, c.Session = true, NewSession() })
	opened := e.do("GET", Path+e.session.Query(), "")
	cookie := opened.Result().Cookies()[0]
	headers := []string{"Origin", own, "Cookie", cookie.Name + "=" + cookie.Value}
	answers := map[string]*httptest.ResponseRecorder{
		"token": e.do("POST", apiPath+"token/check", `{"token":"`+token+`"}`, headers...),
	}
	for _, path := range []string{"info", "nodes", "config", "metrics", "users/teacher-anna/connections", "users/teacher-anna/kept", "users/teacher-anna/tail"} {
		answers[path] = e.do("GET", apiPath+path, "", headers...)
	}
	for path, w := range answers {
		require.Equal(t, http.StatusOK, w.Code, path)
		for _, secret := range []string{adminToken, token, cookie.Value} {
			require.NotContains(t, w.Body.String(), secret, path)
			require.NotContains(t, e.log.String(), secret)
		}
	}
	require.JSONEq(t, `{"accepted":false,"code":"AUTHENTICATION_ERROR","details":{"cause":"expired","reason":"jwt_expired"},"message":"Token has expired"}`, answers["token"].Body.String())
	require.Contains(t, answers["nodes"].Body.String(), `"lag":[{"partition":0,"records":2},{"partition":1,"records":7}]`)
	require.Contains(t, answers["metrics"].Body.String(), `"lag":9`)
	require.Contains(t, answers["metrics"].Body.String(), `"requests":{"200":5}`)
	require.Contains(t, answers["metrics"].Body.String(), `"delivery_seconds":[{"bound":0.1,"count":7},{"bound":null,"count":9}]`)
	require.Contains(t, answers["users/teacher-anna/connections"].Body.String(), `"connections":[{"session":"s1"}]`)
	require.Contains(t, answers["users/teacher-anna/kept"].Body.String(), `"event":"hello"`)
	require.Contains(t, answers["users/teacher-anna/tail"].Body.String(), "event: subscribed\ndata: \"\"\n\nevent: frame\ndata: \"{\\\"event\\\":\\\"hello\\\"}\"\n\nevent: failed")
}

func TestNodesExplainWhyTheyDoNotAnswer(t *testing.T) {
	e := newEnvironment(t, func(c *Config) { c.Nodes.Token = "" })
	require.Contains(t, e.do("GET", apiPath+"nodes", "").Body.String(), "401 Unauthorized: set ADMIN_TOKEN")
	e = newEnvironment(t, func(c *Config) { c.Nodes.Addresses = func() []string { return []string{"127.0.0.1:1"} } })
	require.Contains(t, e.do("GET", apiPath+"nodes", "").Body.String(), "the node does not answer")
}

func TestJourneyJoinsTracesOfOneCorrelationID(t *testing.T) {
	r := &Recorder{}
	for _, correlation := range []string{"c1", "c2"} {
		provider := r.Provider("gateway")
		ctx, request := provider.Tracer("").Start(t.Context(), "POST")
		request.SetAttributes(correlationAttribute.String(correlation))
		_, call := provider.Tracer("").Start(ctx, "call")
		call.End()
		request.End()
		require.NoError(t, provider.Shutdown(t.Context()))
	}
	spans := r.journey("c1")
	require.Len(t, spans, 2)
	require.Equal(t, []string{"POST", "call"}, []string{spans[0].Name, spans[1].Name})
	require.Empty(t, r.journey(""))
	for range maxSpans + 1 {
		r.add(recordedSpan{})
	}
	require.LessOrEqual(t, len(r.spans), maxSpans)
}
