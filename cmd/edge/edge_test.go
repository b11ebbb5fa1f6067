package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

// runningEdge is an "edge up" process and its addresses.
type runningEdge struct {
	*commandRun

	gateway, websockets string
}

// startEdge runs "edge up" on free ports.
func startEdge(t *testing.T, args ...string) runningEdge {
	t.Helper()
	return startEdgeWith(t, nil, args...)
}

// startEdgeWith runs "edge up" on free ports with further variables.
func startEdgeWith(t *testing.T, vars map[string]string, args ...string) runningEdge {
	t.Helper()
	all := append([]string{
		"up", "--gateway", "127.0.0.1:0", "--websocket", "127.0.0.1:0",
		"--redis-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--example", "127.0.0.1:0", "--pace", "200ms",
	}, args...)
	environment := map[string]string{
		"WEBSOCKET_DRAIN_SPREAD": "0",
		// A shared Redis counts the refused requests of other tests from this address.
		"API_GATEWAY_RATE_LIMIT_REFUSED": "100000", "WEBSOCKET_REFUSED_TOKENS_PER_MINUTE": "0",
	}
	maps.Copy(environment, vars)
	s := startCommand(t, environment, all...)
	r := runningEdge{s, s.waitOutput(t, `gateway +(http://\S+)`)[1], s.waitOutput(t, `notifications +(ws://\S+)`)[1]}
	s.waitOutput(t, `Press Ctrl-C to stop\.\n`)
	return r
}

// TestUpOnRealServers runs once, because all runs share the platform's consumer
// group on the real Kafka.
func TestUpOnRealServers(t *testing.T) {
	r := startEdge(t, "--redis", servers.Redis(t), "--kafka", servers.Kafka(t))
	require.Contains(t, r.out.String(), "external")
	require.NotContains(t, r.out.String(), servers.Redis(t), "it may hold a password")
	runJourney(t, r)
}

func TestUpOnEmbeddedServers(t *testing.T) {
	r := startEdge(t)
	require.Contains(t, r.out.String(), "embedded")
	require.Contains(t, r.out.String(), "its API      "+r.gateway+"/docs\n")
	require.Regexp(t, `its messages http://127\.0\.0\.1:\d+/asyncapi\n`, r.out.String())
	require.Regexp(t, `example        http://127\.0\.0\.1:\d+/example/\n`, r.out.String())
	runJourney(t, r)
}

// runJourney runs the commands that the startup message suggests.
func runJourney(t *testing.T, r runningEdge) {
	t.Helper()
	listening := startCommand(t, nil, "listen", "teacher-anna", "--url", r.websockets)
	listening.waitOutput(t, `connected\n`)
	asJSON := startCommand(t, nil, "listen", "teacher-anna", "--json", "--url", r.websockets)

	ran := startCommand(t, nil, "pipeline", "batch-anna-1", "cj_assessment", "--user", "teacher-anna", "--url", r.gateway)
	require.Equal(t, 0, ran.exitCode(t), "%s%s", ran.out, ran.errs)
	require.Regexp(t, `^batch-anna-1: accepted \(correlation id [0-9a-f-]{36}\)\n`, ran.out.String())
	require.Contains(t, ran.out.String(), "processing")
	require.Contains(t, ran.out.lines()[len(ran.out.lines())-1], "completed_successfully   4 of 4 essays")
	require.Empty(t, ran.errs.String())

	listening.waitOutput(t, `\d\d:\d\d:\d\d  batch_processing_started +low  batch-anna-1  requested_pipeline=cj_assessment\n`)
	listening.waitOutput(t, `essay_status_updated .*essay_id=batch-anna-1-essay-1`)
	listening.waitOutput(t, `batch_results_ready +high  batch-anna-1`)
	asJSON.waitOutput(t, `"event":"batch_results_ready"`)
	for _, line := range asJSON.out.lines() {
		require.True(t, json.Valid([]byte(line)), "each line is a JSON frame: %s", line)
	}
	checkRejectedRequests(t, r)

	for _, s := range []*commandRun{listening, asJSON, r.commandRun} {
		require.Equal(t, 0, s.interruptAndWait(t), "%s%s", s.out, s.errs)
		require.NotContains(t, s.errs.String(), "edge: ")
	}
}

// checkRejectedRequests checks that error responses are printed as readable lines.
func checkRejectedRequests(t *testing.T, r runningEdge) {
	t.Helper()
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"foreign batch": {
			[]string{"pipeline", "batch-anna-1", "nlp", "--user", "teacher-bo", "--url", r.gateway},
			[]string{"edge: Ownership violation: batch does not belong to user (AUTHORIZATION_ERROR, 403)", "batch_id: batch-anna-1", "correlation id: "},
		},
		"unknown pipeline": {
			[]string{"pipeline", "batch-anna-1", "magic", "--user", "teacher-anna", "--url", r.gateway},
			[]string{"edge: Input should be 'spellcheck'", "(VALIDATION_ERROR, 422)"},
		},
		"no credits": {
			[]string{"pipeline", "batch-cecilia-1", "cj_assessment", "--user", "teacher-cecilia", "--url", r.gateway},
			[]string{"edge: refused with 402", "insufficient_credits"},
		},
		"bad token at the gateway": {
			[]string{"pipeline", "batch-anna-1", "nlp", "--token", "invalid", "--url", r.gateway},
			[]string{"edge: Invalid token (AUTHENTICATION_ERROR, 401)", "cause: malformed"},
		},
		"bad token at the socket": {
			[]string{"listen", "teacher-anna", "--token", "invalid", "--url", r.websockets},
			[]string{"edge: Invalid token (AUTHENTICATION_ERROR, close 1008)"},
		},
		"gateway unreachable": {
			[]string{"pipeline", "batch-anna-1", "nlp", "--user", "teacher-anna", "--url", "http://127.0.0.1:1"},
			[]string{"edge: the gateway does not respond"},
		},
	} {
		s := startCommand(t, nil, c.args...)
		require.Equal(t, 1, s.exitCode(t), name)
		for _, want := range c.want {
			require.Contains(t, s.errs.String(), want, name)
		}
	}
}

// TestTokenIsAccepted checks that the gateway accepts a token of "edge token".
func TestTokenIsAccepted(t *testing.T) {
	r := startEdge(t)
	s := startCommand(t, nil, "token", "teacher-anna", "--org", "school-north", "--ttl", "5m")
	require.Equal(t, 0, s.exitCode(t))
	require.Len(t, s.out.lines(), 1)
	require.Equal(t, http.StatusOK, r.status(t, "/v1/test/with-auth", s.out.lines()[0]))

	other := startCommand(t, map[string]string{"JWT_SECRET_KEY": "another-secret"}, "pipeline", "batch-anna-1", "nlp", "--user", "teacher-anna", "--url", r.gateway)
	require.Equal(t, 1, other.exitCode(t))
	require.Contains(t, other.errs.String(), "cause: signature")
	require.Equal(t, 0, r.interruptAndWait(t))
}

// TestUpReadsDotEnv checks that the services and the tokens use the file .env, and that the
// process's variables have precedence.
func TestUpReadsDotEnv(t *testing.T) {
	t.Chdir(t.TempDir())
	secret := "JWT_SECRET_KEY=a-secret-that-only-the-file-contains-0123456789\n"
	require.NoError(t, os.WriteFile(".env", []byte(secret+"API_GATEWAY_DOCS=false\nAPI_GATEWAY_RATE_LIMIT_REFUSED=1\n"), 0o600))
	r := startEdge(t)
	s := startCommand(t, nil, "token", "teacher-anna")
	require.Equal(t, 0, s.exitCode(t))
	require.Equal(t, http.StatusOK, r.status(t, "/v1/test/with-auth", s.out.lines()[0]))
	require.Equal(t, http.StatusNotFound, r.status(t, "/openapi.json", ""))
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, r.status(t, "/v1/test/with-auth", "nonsense"), "the process allows more")
	}
	other := startCommand(t, map[string]string{"JWT_SECRET_KEY": developmentSecret}, "token", "teacher-anna")
	require.Equal(t, 0, other.exitCode(t))
	require.Equal(t, http.StatusUnauthorized, r.status(t, "/v1/test/with-auth", other.out.lines()[0]))
	require.Equal(t, 0, r.interruptAndWait(t))

	require.NoError(t, os.WriteFile(".env", []byte("ENVIRONMENT=production\n"), 0o600))
	for _, command := range [][]string{{"up"}, {"token", "teacher-anna"}} {
		refused := startCommand(t, nil, command...)
		require.Equal(t, 2, refused.exitCode(t))
		require.Contains(t, refused.errs.String(), ".env: must not set ENVIRONMENT=production")
	}
}

// status returns the status of a GET with a token.
func (r runningEdge) status(t *testing.T, path, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.gateway+path, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func TestUpRejectsInvalidInput(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		args []string
		want string
		exit int
	}{
		"production":      {map[string]string{"ENVIRONMENT": "production"}, nil, `edge: "edge up" is for development: it refuses to run with ENVIRONMENT=production`, 1},
		"foreign address": {nil, []string{"--gateway", "127.0.0.1:0", "--websocket", "192.0.2.1:80"}, "cannot assign requested address", 1},
		"bad settings": {
			map[string]string{"WEBSOCKET_PING_INTERVAL": "often", "API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS": "soon"},
			nil,
			"edge: invalid settings:\n" +
				"  API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS: must be a number of seconds, or a duration such as 30s or 5m\n" +
				"  WEBSOCKET_PING_INTERVAL: must be a number of seconds, or a duration such as 30s or 5m\n",
			2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startCommand(t, c.vars, append([]string{"up", "--redis-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"}, c.args...)...)
			require.Equal(t, c.exit, s.exitCode(t), "%s", s.out)
			require.Contains(t, s.errs.String(), "edge: ")
			require.Contains(t, s.errs.String(), c.want)
		})
	}
}

// TestListenRetriesUntilInterrupted checks that listen keeps reconnecting to a
// service that is not running, and that an interrupt ends it.
func TestListenRetriesUntilInterrupted(t *testing.T) {
	s := startCommand(t, nil, "listen", "teacher-anna", "--url", "ws://127.0.0.1:1/ws")
	s.waitOutput(t, `disconnected: .*; reconnecting in .*ms\n`)
	s.waitOutput(t, `(?s)reconnecting in .*reconnecting in `)
	require.Equal(t, 0, s.interruptAndWait(t))
}

func TestHelpListsEveryCommand(t *testing.T) {
	s := startCommand(t, nil, "--help")
	require.Equal(t, 0, s.exitCode(t))
	for _, command := range []string{"up", "token", "listen", "pipeline", "notify", "disconnect", "sessions", "config"} {
		require.Regexp(t, `\n  `+command+` +[A-Z]`, s.out.String())
	}
	bad := startCommand(t, nil, "token", strings.Repeat("x", 300))
	require.Equal(t, 2, bad.exitCode(t))
	require.Contains(t, bad.errs.String(), "user id is too long, holds control characters or begins with }\n")
}
