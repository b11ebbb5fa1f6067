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

// root is the directory of the project, as these tests see it.
const root = "../../"

// memoryLimit is read by Go's runtime, not by the services.
const memoryLimit = "GOMEMLIMIT"

// dummies stand for secrets, by their key in a Secret or their variable.
func dummies() map[string]string {
	const secret = "b7f3c1d95a2e8460b7f3c1d95a2e8460d1"
	return map[string]string{
		"jwt-secret-key": secret, "JWT_SECRET_KEY": secret,
		"internal-api-key": secret, "HULEEDU_INTERNAL_API_KEY": secret,
		"redis-url": "rediss://edge:" + secret + "@redis.example.org:6379", "kafka-password": secret,
	}
}

// service is what a manifest must know of one of the two.
type service struct {
	port int
	// admin is where operators ask, host:port.
	admin string
	// notice is how long it serves on after SIGTERM, stop how long all of its end
	// may take.
	notice, stop time.Duration
}

// judge reads a manifest's environment as the program does in production.
func judge(t *testing.T, name string, vars map[string]string) service {
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
		require.FailNow(t, "no service of ours", name)
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
		require.True(t, names[variable] || variable == memoryLimit, "%s is no setting of the %s", variable, name)
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

// TestJudgeIsStrict shows that the judge refuses what it should.
func TestJudgeIsStrict(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"ENVIRONMENT": "production", "JWT_SECRET_KEY": "change-me"}
	var c wire.WebSocketConfig
	require.Contains(t, strings.Join(env.Explain(env.Read(&c, vars)), " "), "JWT_SECRET_KEY")
}
