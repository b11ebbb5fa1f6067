package main

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/cmd/edge/internal/diagnose"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// healthyMachine returns the variables of services whose servers all work, and the Kafka of
// these servers.
func healthyMachine(t *testing.T) map[string]string {
	t.Helper()
	notifications := string(domain.NotificationTopic)
	kafka := servers.EmbeddedKafka(t, string(domain.CommandTopic), notifications, notifications+".dlq")
	w, err := world.Start(world.Config{RedisURL: servers.EmbeddedRedis(t).URL(), KafkaAddr: kafka.Addr(), InternalKey: "internal"})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	vars := platformSettings(w, "internal")
	maps.Copy(vars, map[string]string{
		"JWT_SECRET_KEY": developmentSecret, "ENVIRONMENT": "testing",
		"API_GATEWAY_HTTP_HOST": loopback, "API_GATEWAY_HTTP_PORT": "0", "WEBSOCKET_HOST": loopback, "WEBSOCKET_PORT": "0",
	})
	return vars
}

// examine runs "edge doctor" on the variables and returns its exit code and findings.
func examine(t *testing.T, vars map[string]string, args ...string) (code int, findings []diagnose.Finding) {
	t.Helper()
	lines := make([]string, 0, len(vars))
	for name, value := range vars {
		lines = append(lines, name+"='"+value+"'")
	}
	file := filepath.Join(t.TempDir(), "services.env")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
	s := startCommand(t, nil, append([]string{"doctor", "--json", "--env-file", file}, args...)...)
	code = s.exitCode(t)
	require.NotContains(t, s.out.String(), developmentSecret)
	for _, line := range s.out.lines() {
		var f diagnose.Finding
		require.NoError(t, json.Unmarshal([]byte(line), &f), "%s%s", s.out, s.errs)
		findings = append(findings, f)
	}
	return code, findings
}

func TestDoctorOnAHealthyMachine(t *testing.T) {
	vars := healthyMachine(t)
	code, findings := examine(t, vars, "--origin", "http://localhost:5173")
	require.Equal(t, 0, code, "%v", findings)
	checks := map[string]bool{}
	for _, f := range findings {
		require.NotEqual(t, diagnose.Fault, f.Severity, f)
		checks[f.Check] = true
	}
	require.Equal(t, []string{"clocks", "keys", "open files", "origins", "redis", "rights", "services", "settings", "topics"}, slices.Sorted(maps.Keys(checks)))
}

// TestDoctorFindsEachFault breaks one thing at a time. The doctor finds it, names it and says
// what to do, and nothing else is wrong.
func TestDoctorFindsEachFault(t *testing.T) {
	healthy := healthyMachine(t)
	unwell := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(unwell.Close)
	taken, err := net.Listen("tcp", loopback+":0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	_, takenPort, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)

	for name, c := range map[string]struct {
		set         map[string]string
		args        []string
		check, want string
	}{
		"wrong Redis port": {
			set:   map[string]string{"REDIS_URL": "redis://u:hidden@127.0.0.1:1", "API_GATEWAY_REDIS_URL": "redis://u:hidden@127.0.0.1:1"},
			check: "redis", want: "127.0.0.1:1: ",
		},
		"wrong Kafka port": {
			set:   map[string]string{"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "API_GATEWAY_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
			check: "kafka", want: "127.0.0.1:1: ",
		},
		"short key": {
			set: map[string]string{"JWT_SECRET_KEY": "short", "ENVIRONMENT": "production"}, args: []string{"websocket"},
			check: "keys", want: "JWT_SECRET_KEY",
		},
		"no key":              {set: map[string]string{"JWT_SECRET_KEY": ""}, check: "keys", want: "JWT_SECRET_KEY"},
		"key set answers 503": {set: map[string]string{"JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": unwell.URL, "JWT_JWKS_TIMEOUT": "0.3"}, check: "keys", want: "status 200"},
		"origin with a path":  {set: map[string]string{"CORS_ORIGINS": `["https://app.example.org/x"]`}, args: []string{"websocket"}, check: "origins", want: "CORS_ORIGINS"},
		"foreign origin":      {args: []string{"gateway", "--origin", "https://app.example.org"}, check: "origins", want: "https://app.example.org may not connect"},
		"port in use":         {set: map[string]string{"WEBSOCKET_PORT": takenPort}, args: []string{"websocket"}, check: "ports", want: "another program listens at 127.0.0.1:" + takenPort},
		"admin port in use":   {set: map[string]string{"API_GATEWAY_ADMIN_ADDR": taken.Addr().String()}, check: "ports", want: "another program listens at " + taken.Addr().String()},
		"no such interface":   {set: map[string]string{"WEBSOCKET_HOST": "192.0.2.1", "WEBSOCKET_PORT": "4999"}, args: []string{"websocket"}, check: "ports", want: "websocket: "},
		"too many sockets":    {set: map[string]string{"WEBSOCKET_MAX_CONNECTIONS": "2000000000"}, args: []string{"websocket"}, check: "open files", want: "WEBSOCKET_MAX_CONNECTIONS is 2000000000"},
		"no number":           {set: map[string]string{"WEBSOCKET_PING_INTERVAL": "often"}, args: []string{"websocket"}, check: "settings", want: "WEBSOCKET_PING_INTERVAL: must be"},
		"short admin token":   {set: map[string]string{"ADMIN_TOKEN": "short"}, args: []string{"gateway"}, check: "settings", want: "ADMIN_TOKEN: must have at least 32 bytes"},
	} {
		vars := maps.Clone(healthy)
		maps.Copy(vars, c.set)
		code, findings := examine(t, vars, c.args...)
		require.Equal(t, 1, code, "%s: %v", name, findings)
		for _, f := range findings {
			require.NotContains(t, f.Found, "hidden", name)
			if f.Severity == diagnose.Good && c.check == "origins" {
				require.NotEqual(t, c.check, f.Check, "%s: what is wrong is not ok too: %v", name, f)
			}
			if f.Severity == diagnose.Fault {
				require.Equal(t, c.check, f.Check, "%s: %v", name, f)
				require.Contains(t, f.Found, c.want, name)
				require.NotEmpty(t, f.Advice, name)
			}
		}
	}
}

// TestDoctorComparesOriginsAsTheServices checks origins that the services accept, or refuse,
// although the texts differ, or resemble each other.
func TestDoctorComparesOriginsAsTheServices(t *testing.T) {
	healthy := healthyMachine(t)
	for name, c := range map[string]struct {
		setting, environment, origin string
		code                         int
	}{
		"default port":            {`["https://app.example.org"]`, "staging", "https://App.example.org:443", 0},
		"international name":      {`["https://bücher.example"]`, "staging", "https://xn--bcher-kva.example", 0},
		"slash at the end":        {`["https://app.example.org"]`, "staging", "https://app.example.org/", 1},
		"another port":            {`["https://app.example.org"]`, "staging", "https://app.example.org:8443", 1},
		"loopback in development": {`["https://app.example.org"]`, "development", "http://localhost:9999", 0},
		"loopback in staging":     {`["https://app.example.org"]`, "staging", "http://localhost:9999", 1},
		"mapped address":          {`["https://app.example.org"]`, "development", "http://[::ffff:127.0.0.1]", 1},
	} {
		vars := maps.Clone(healthy)
		vars["CORS_ORIGINS"], vars["API_GATEWAY_CORS_ORIGINS"], vars["ENVIRONMENT"] = c.setting, c.setting, c.environment
		code, findings := examine(t, vars, "--origin", c.origin, "websocket")
		require.Equal(t, c.code, code, "%s: %v", name, findings)
	}
}

// TestDoctorReportsServicesAndTopics checks what is missing on brokers without topics, and that
// a service behind the gateway that does not answer is a warning.
func TestDoctorReportsServicesAndTopics(t *testing.T) {
	vars := healthyMachine(t)
	empty := servers.EmbeddedKafka(t)
	vars["KAFKA_BOOTSTRAP_SERVERS"], vars["API_GATEWAY_KAFKA_BOOTSTRAP_SERVERS"] = empty.Addr(), empty.Addr()
	vars["API_GATEWAY_BOS_URL"] = "http://127.0.0.1:1"
	code, findings := examine(t, vars)
	require.Equal(t, 1, code)
	found := map[diagnose.Severity][]string{}
	for _, f := range findings {
		found[f.Severity] = append(found[f.Severity], f.Check+" "+f.Found)
	}
	require.Equal(t, []string{
		"topics " + string(domain.CommandTopic) + " does not exist", "topics " + string(domain.NotificationTopic) + " does not exist",
		"topics " + string(domain.NotificationTopic) + ".dlq does not exist",
	}, found[diagnose.Fault])
	require.Contains(t, strings.Join(found[diagnose.Warning], "\n"), "services batch_orchestrator: ")
}
