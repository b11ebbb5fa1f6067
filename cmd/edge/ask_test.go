package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/cmd/edge/internal/diagnose"
)

const testAdminToken = "operator-token-of-the-tests-0123456789"

// startAdministered runs "edge up" with admin addresses and returns these.
func startAdministered(t *testing.T) (r runningEdge, nodes string) {
	t.Helper()
	r = startEdgeWith(t, map[string]string{"ADMIN_TOKEN": testAdminToken, "API_GATEWAY_ADMIN_ADDR": "127.0.0.1:0", "WEBSOCKET_ADMIN_ADDR": "127.0.0.1:0"})
	return r, r.waitOutput(t, `bin/edge nodes --nodes (\S+)\n`)[1]
}

// TestAskARunningSystem runs the commands that ask the services, Redis and Kafka.
func TestAskARunningSystem(t *testing.T) {
	r, nodes := startAdministered(t)
	redis := r.waitOutput(t, `redis +(redis://\S+) \(embedded\)`)[1]
	kafka := r.waitOutput(t, `kafka +(\S+) \(embedded\)`)[1]
	vars := map[string]string{"ADMIN_TOKEN": testAdminToken, "REDIS_URL": redis, "KAFKA_BOOTSTRAP_SERVERS": kafka}

	tail := startCommand(t, vars, "tail", "teacher-anna", "--batch", "batch-anna-1")
	tail.waitOutput(t, `following teacher-anna\n`)
	for _, args := range [][]string{{"other", "--batch", "batch-anna-2"}, {"wanted", "--batch", "batch-anna-1"}} {
		sent := startCommand(t, vars, append([]string{"notify", "teacher-anna", "--kept"}, args...)...)
		require.Equal(t, 0, sent.exitCode(t), "%s", sent.errs)
	}
	tail.waitOutput(t, `wanted +standard  batch-anna-1\n`)
	require.NotContains(t, tail.out.String(), "other")
	require.Eventually(t, func() bool { // the lag is measured beside the processing
		s := startCommand(t, vars, "nodes", "--nodes", nodes)
		return s.exitCode(t) == 0 && strings.Contains(s.out.String(), " (0: ")
	}, waitLimit, waitLimit/100)

	for name, c := range map[string]struct {
		args []string
		exit int
		out  string
	}{
		"nodes":            {[]string{"nodes", "--nodes", nodes}, 0, `(?s)ADDRESS +STATE.* ready +api_gateway_service .* ready +websocket_service .* \d+ \(0: \d+, 1: \d+, 2: \d+\) .*connections=0/`},
		"nodes as JSON":    {[]string{"nodes", "--nodes", nodes, "--json"}, 0, `"lag":\[{"partition":0,"records":\d+}`},
		"a node is away":   {[]string{"nodes", "--nodes", nodes + ",127.0.0.1:1"}, 1, `http://127.0.0.1:1 +no answer`},
		"history":          {[]string{"history", "teacher-anna"}, 0, `(?s)^TIME +EVENT.*other +standard  batch-anna-2.*teacher-anna: 2 kept, 2 printed\n`},
		"filtered history": {[]string{"history", "teacher-anna", "--type", "wanted", "--json"}, 0, `^\{"event":"wanted"[^\n]+\n$`},
		"empty history":    {[]string{"history", "teacher-bo"}, 0, `^teacher-bo: 0 kept, 0 printed\n$`},
		"unknown user":     {[]string{"sessions", "teacher-anan"}, 0, `^teacher-anan has no connection on any node. The services keep no list of users`},
		"no sessions":      {[]string{"sessions", "teacher-anna", "--json"}, 0, `^\[\]\n$`},
		"no dead letters":  {[]string{"dlq", "list"}, 0, `^no dead letters\n$`},
		"the completion":   {[]string{"__complete", "pipeline", "batch-anna-1", ""}, 0, `cj_assessment\n`},
		"types complete":   {[]string{"__complete", "notify", "teacher-anna", "batch_re"}, 0, `batch_results_ready\n`},
		"users complete":   {[]string{"__complete", "listen", ""}, 0, `teacher-anna\n`},
	} {
		s := startCommand(t, vars, c.args...)
		require.Equal(t, c.exit, s.exitCode(t), "%s: %s%s", name, s.out, s.errs)
		require.Regexp(t, c.out, s.out.String(), name)
		require.NotContains(t, s.out.String()+s.errs.String(), testAdminToken, name)
	}
	wrong := startCommand(t, map[string]string{"ADMIN_TOKEN": "wrong"}, "nodes", "--nodes", nodes)
	require.Equal(t, 1, wrong.exitCode(t))
	require.Contains(t, wrong.out.String(), "Invalid token (AUTHENTICATION_ERROR, 401)")
	for _, s := range []*commandRun{tail, r.commandRun} {
		require.Equal(t, 0, s.interruptAndWait(t), "%s", s.errs)
	}
}

// TestTokenCheckNamesTheCause checks the verdict and the advice for refused tokens.
func TestTokenCheckNamesTheCause(t *testing.T) {
	mint := func(vars map[string]string) string {
		s := startCommand(t, vars, "token", "teacher-anna", "--org", "school-north")
		require.Equal(t, 0, s.exitCode(t), "%s", s.errs)
		return s.out.lines()[0]
	}
	unwell := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(unwell.Close)
	own := mint(nil)
	for name, c := range map[string]struct {
		vars  map[string]string
		token string
		exit  int
		out   string
	}{
		"good":          {nil, own, 0, `(?s)^accepted: .*user +teacher-anna\n +org +school-north\n.*in 59m|1h0m`},
		"with a scheme": {nil, "Bearer " + own, 0, `^accepted`},
		"malformed":     {nil, "abc", 1, `(?s)^refused: Invalid token \(AUTHENTICATION_ERROR\)\n.*cause: malformed\n.*It is not a JWT`},
		"signature":     {nil, mint(map[string]string{"JWT_SECRET_KEY": "the secret of another issuer, 0123456789"}), 1, `(?s)cause: signature\n.*Compare JWT_SECRET_KEY.*claims.sub: "teacher-anna"`},
		"audience":      {nil, mint(map[string]string{"JWT_AUDIENCE": "another"}), 1, `(?s)cause: audience\n.*audience "huleedu-platform" \(JWT_AUDIENCE\)`},
		"issuer":        {nil, mint(map[string]string{"JWT_ISSUER": "another"}), 1, `(?s)cause: issuer\n.*JWT_ISSUER`},
		"algorithm":     {nil, mint(map[string]string{"JWT_ALGORITHM": "HS512"}), 1, `(?s)cause: algorithm\n.*only HS256`},
		"no keys":       {map[string]string{"JWT_ALGORITHM": "RS256", "JWT_JWKS_URL": unwell.URL, "JWT_JWKS_TIMEOUT": "0.3"}, "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAA", 1, `(?s)^refused: .*\(SERVICE_UNAVAILABLE\)\n.*JWT_JWKS_URL`},
	} {
		s := startCommand(t, c.vars, "token", "check", c.token)
		require.Equal(t, c.exit, s.exitCode(t), "%s: %s%s", name, s.out, s.errs)
		require.Regexp(t, c.out, s.out.String(), name)
		asJSON := startCommand(t, c.vars, "token", "check", c.token, "--json")
		require.Equal(t, c.exit, asJSON.exitCode(t), name)
		var verdict diagnose.TokenVerdict
		require.NoError(t, json.Unmarshal([]byte(asJSON.out.String()), &verdict), name)
		require.Equal(t, c.exit == 0, verdict.Accepted, name)
		require.NotContains(t, s.out.String()+asJSON.out.String(), c.token, name)
	}
}

// essays writes files and returns their paths.
func essays(t *testing.T, sizes ...int) []string {
	t.Helper()
	dir := t.TempDir()
	paths := make([]string, len(sizes))
	for i, size := range sizes {
		paths[i] = filepath.Join(dir, string(rune('a'+i))+".txt")
		require.NoError(t, os.WriteFile(paths[i], make([]byte, size), 0o600))
	}
	return paths
}

func TestUpload(t *testing.T) {
	r := startEdge(t)
	args := append([]string{"upload", "--batch", "batch-anna-3", "--user", "teacher-anna", "--url", r.gateway}, essays(t, 400_000, 1, 300_000)...)
	s := startCommand(t, nil, args...)
	require.Equal(t, 0, s.exitCode(t), "%s%s", s.out, s.errs)
	require.Regexp(t, `(?s)^ \d\d % of 70\d{4} bytes\n.*100 % of 70\d{4} bytes\nbatch-anna-3: .* \(3 files, correlation id [0-9a-f-]{36}\)\n$`, s.out.String())
	asJSON := startCommand(t, nil, append(args, "--json")...)
	require.Equal(t, 0, asJSON.exitCode(t), "%s", asJSON.errs)
	require.Regexp(t, `^\{[^\n]*"files":3[^\n]*\}\n$`, asJSON.out.String())

	foreign := startCommand(t, nil, append([]string{"upload", "--batch", "batch-bo-1", "--user", "teacher-anna", "--url", r.gateway}, essays(t, 10)...)...)
	require.Equal(t, 1, foreign.exitCode(t))
	require.Contains(t, foreign.errs.String(), "(AUTHORIZATION_ERROR, 403)")
	require.Equal(t, 0, r.interruptAndWait(t))
}

// TestUploadToAServiceThatFails checks a gateway that disconnects in the middle, and one that
// answers before the end of the form.
func TestUploadToAServiceThatFails(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(cut.Close)
	early := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, `{"error":{"code":"VALIDATION_ERROR","message":"Request body too large","details":{"limit_bytes":10}}}`)
	}))
	t.Cleanup(early.Close)
	files := essays(t, 5<<20, 5<<20, 5<<20)
	for url, want := range map[string]string{cut.URL: "edge: the gateway does not respond: ", early.URL: "Request body too large (VALIDATION_ERROR, 413)"} {
		s := startCommand(t, nil, append([]string{"upload", "--batch", "b", "--user", "teacher-anna", "--url", url}, files...)...)
		require.Equal(t, 1, s.exitCode(t), "%s%s", s.out, s.errs)
		if url == early.URL && s.errs.String() != "" {
			require.Regexp(t, `413|does not respond`, s.errs.String(), "the answer may be lost when the connection is reset")
			continue
		}
		require.Contains(t, s.errs.String(), want)
		require.Regexp(t, `\d+ of 157\d+ bytes were sent. Nothing says that files were stored`, s.out.String())
	}
}
