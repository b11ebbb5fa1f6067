package deploy_test

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

// root is the directory of the project, relative to this package.
const root = "../../"

// memoryLimit is a variable that Go's runtime reads, not the services.
const memoryLimit = "GOMEMLIMIT"

// sampleSecrets returns values for secrets by their key in a Secret or their variable.
func sampleSecrets() map[string]string {
	const secret = "b7f3c1d95a2e8460b7f3c1d95a2e8460d1"
	return map[string]string{
		"jwt-secret-key": secret, "JWT_SECRET_KEY": secret,
		"internal-api-key": secret, "HULEEDU_INTERNAL_API_KEY": secret,
		"redis-url": "rediss://edge:" + secret + "@redis.example.org:6379", "kafka-password": secret,
	}
}

// service holds the settings of a service that a manifest must match.
type service struct {
	port int
	// admin is the address for operators, host:port.
	admin string
	// notice is how long the service accepts requests after SIGTERM. stop limits the whole shutdown.
	notice, stop time.Duration
}

// readSettings reads the environment of a manifest in the same way as the program in production.
func readSettings(t *testing.T, name string, vars map[string]string) service {
	t.Helper()
	require.Equal(t, "production", vars["ENVIRONMENT"])
	var out service
	var known []env.Setting
	var err error
	switch name {
	case "gateway":
		var c wire.GatewayConfig
		err, known = env.Read(&c, vars), env.Settings(&c)
		out = service{port: c.HTTP.Port, admin: c.HTTP.AdminAddr, notice: c.Drain.Notice, stop: c.Drain.Timeout}
	case "websocket":
		var c wire.WebSocketConfig
		err, known = env.Read(&c, vars), env.Settings(&c)
		out = service{port: c.HTTP.Port, admin: c.HTTP.AdminAddr, notice: c.Drain.Notice, stop: c.Sockets.DrainTimeout}
	default:
		require.FailNow(t, "unknown service", name)
	}
	require.Empty(t, env.Explain(err))
	names := map[string]bool{}
	for _, s := range known {
		names[s.Name] = true
		for _, alias := range s.Aliases {
			names[alias] = true
		}
	}
	for variable := range maps.Keys(vars) {
		require.True(t, names[variable] || variable == memoryLimit, "the %[2]s has no setting %[1]s", variable, name)
	}
	return out
}

// read returns a file of the project.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(root + path)
	require.NoError(t, err)
	return string(text)
}

// TestWeakSecretIsRejected checks that the validation behind readSettings rejects a weak secret.
func TestWeakSecretIsRejected(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"ENVIRONMENT": "production", "JWT_SECRET_KEY": "change-me"}
	var c wire.WebSocketConfig
	require.Contains(t, strings.Join(env.Explain(env.Read(&c, vars)), " "), "JWT_SECRET_KEY")
}
