package env_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/domain"
)

// shown returns the values by name.
func shown(t *testing.T, dst any, vars map[string]string) map[string]env.Value {
	t.Helper()
	all, _ := env.Inspect(dst, vars)
	out := map[string]env.Value{}
	for _, v := range all {
		out[v.Name] = v
	}
	require.Len(t, out, len(all), "each variable once")
	require.Len(t, all, len(env.Settings(dst)), "every setting")
	return out
}

func TestInspectReportsTheVariable(t *testing.T) {
	all := shown(t, &service{}, enough("OLDER_WAIT", "90", "EDGE_PORT", " ", "JWT_AUDIENCE", "", "EDGE_ORIGINS", `[ "c" ]`))
	require.Equal(t, env.Value{Name: "EDGE_WAIT", Text: "1m30s", Variable: "OLDER_WAIT"}, all["EDGE_WAIT"])
	require.Equal(t, env.Value{Name: "EDGE_PORT", Text: "4001"}, all["EDGE_PORT"], "a blank variable counts as not set")
	require.Equal(t, env.Value{Name: "JWT_AUDIENCE", Variable: "JWT_AUDIENCE"}, all["JWT_AUDIENCE"], "an empty text is set")
	require.Equal(t, env.Value{Name: "EDGE_ORIGINS", Text: `["c"]`, Variable: "EDGE_ORIGINS"}, all["EDGE_ORIGINS"])
	require.Equal(t, env.Value{Name: "JWT_SECRET_KEY", Text: "[redacted]", Variable: "JWT_SECRET_KEY"}, all["JWT_SECRET_KEY"])
	require.Equal(t, env.Value{Name: "EDGE_KEY"}, all["EDGE_KEY"], "a secret that is not set is not redacted")
}

// An invalid value may be a secret in the wrong variable.
func TestInspectHidesInvalidValues(t *testing.T) {
	all := shown(t, &service{}, enough("OLD_WAIT", "-1", "EDGE_PORT", "leaked", "ENVIRONMENT", "leaked"))
	for _, name := range []string{"EDGE_WAIT", "EDGE_PORT", "ENVIRONMENT"} {
		require.Equal(t, "[cannot be used]", all[name].Text)
		require.NotEmpty(t, all[name].Variable)
	}
}

func TestInspectHidesCredentialsInAddresses(t *testing.T) {
	var c struct {
		URL  string        `env:"TEXT"`
		Safe domain.Secret `env:"URL" form:"URL"`
		List []string      `env:"LIST"`
	}
	for text, want := range map[string]string{
		"redis://me:geheim@host:6379/1":                                 "redis://***:***@host:6379/1",
		"redis://:geheim@host":                                          "redis://***:***@host",
		"https://geheim@host/x":                                         "https://***:***@host/x",
		"redis://me:1/ge@heim@host":                                     "redis://***:***@host",
		"redis://me:1?geheim@host":                                      "redis://***:***@host",
		"redis://a:1?addr=b:1&sentinel_password=geheim&master_name=m":   "redis://a:1?addr=b:1&sentinel_password=***&master_name=m",
		"rediss://a:1?Sentinel_Username=geheim&sentinel_username=gehei": "rediss://a:1?Sentinel_Username=***&sentinel_username=***",
		"kafka:9092,other:9092":                                         "kafka:9092,other:9092",
		"two\nlines":                                                    `"two\nlines"`,
	} {
		all := shown(t, &c, map[string]string{"TEXT": text, "LIST": `["https://me:geheim@host"]`})
		require.Equal(t, want, all["TEXT"].Text)
		require.NotContains(t, all["LIST"].Text, "geheim")
	}
	all := shown(t, &c, map[string]string{"URL": "rediss://me:geheim@host"})
	require.Equal(t, "rediss://***:***@host", all["URL"].Text)
	require.Equal(t, "URL", env.Settings(&c)[1].Kind)
}

func TestFile(t *testing.T) {
	vars, err := env.File(dotEnv(t, "ENVIRONMENT=production\nA='b'\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"ENVIRONMENT": "production", "A": "b"}, vars)
	_, err = env.File(dotEnv(t, "") + "x")
	require.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
}
