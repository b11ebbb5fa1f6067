package env_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/domain"
)

func TestSettings(t *testing.T) {
	all := env.Settings(&service{})
	require.Equal(t, env.Setting{
		Name: "ENVIRONMENT", Aliases: []string{}, Default: "development", Kind: "text",
		Package: "github.com/huleedu/edge/adapters/env_test", Struct: "service", Field: "Environment",
	}, all[0])
	kinds := map[string]string{}
	for _, s := range all {
		kinds[s.Name] = s.Kind
		if s.Name == "EDGE_WAIT" {
			require.Equal(t, []string{"OLD_WAIT", "OLDER_WAIT"}, s.Aliases)
		}
		if s.Name == "JWT_LEEWAY_SECONDS" {
			require.Equal(t, "github.com/huleedu/edge/adapters/jwt", s.Package)
			require.Equal(t, "Config", s.Struct)
			require.Equal(t, "Leeway", s.Field)
		}
	}
	require.Len(t, kinds, len(all), "each variable once")
	require.Equal(t, "secret", kinds["JWT_SECRET_KEY"])
	require.Equal(t, "JSON array", kinds["EDGE_ORIGINS"])
	require.Equal(t, "seconds", kinds["EDGE_WAIT"])
	require.Equal(t, "number", kinds["EDGE_LIMIT_UPLOADS"])
	require.Equal(t, "boolean", kinds["EDGE_DOCS"])
	require.Len(t, env.Settings(&struct{ A, B limits }{}), 1)
}

func TestUnknown(t *testing.T) {
	vars := enough("EDGE_PORT", "1", "EDGE_PROT", "1", "EDGE_", "1", "JWT_AUDIENCES", "", "OLD_WAIT", "1", "OLD_WAITS", "1", "HOME", "/")
	require.Equal(t, []env.UnknownVariable{
		{Name: "EDGE_"}, {Name: "EDGE_PROT", Suggestion: "EDGE_PORT"}, {Name: "JWT_AUDIENCES", Suggestion: "JWT_AUDIENCE"}, {Name: "OLD_WAITS", Suggestion: "OLD_WAIT"},
	}, env.Unknown(&service{}, vars, "EDGE_", "JWT_", "OLD_"))
	require.Equal(t, []env.UnknownVariable{{Name: "JWT_AUDIENCES", Suggestion: "JWT_AUDIENCE"}}, env.Unknown(&service{}, vars), "the similar settings are set")
}

// brokers has settings with names that other programs use too.
type brokers struct {
	Servers string `env:"KAFKA_BOOTSTRAP_SERVERS" alias:"KAFKA_BOOTSTRAP_SERVERS"`
	User    string `env:"KAFKA_SASL_USERNAME"`
	CA      string `env:"KAFKA_SSL_CA_FILE"`
	Redis   string `env:"REDIS_URL"`
	Timeout string `env:"REDIS_SOCKET_TIMEOUT"`
	Origins string `env:"CORS_ORIGINS"`
	Methods string `env:"CORS_ALLOW_METHODS"`
}

func TestUnknownDistinguishesMisspelledFromForeignVariables(t *testing.T) {
	for name, meant := range map[string]string{
		"KAFKA_BOOTSTRAP_SERVER": "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOSTRAP_SERVERS": "KAFKA_BOOTSTRAP_SERVERS",
		"KAFAK_BOOTSTRAP_SERVERS": "KAFKA_BOOTSTRAP_SERVERS", "kafka_bootstrap_servers": "KAFKA_BOOTSTRAP_SERVERS",
		"KAFKA_SASL_USERNMAE": "KAFKA_SASL_USERNAME", "REDIS_ULR": "REDIS_URL", "REDIS_URI": "REDIS_URL", "REDISURL": "REDIS_URL",
		"REDIS_SOCKET_TIMEOUTS": "REDIS_SOCKET_TIMEOUT", "CORS_ORIGIN": "CORS_ORIGINS", "CORS_ALLOWED_METHODS": "CORS_ALLOW_METHODS",
	} {
		require.Equal(t, []env.UnknownVariable{{Name: name, Suggestion: meant}}, env.Unknown(&brokers{}, map[string]string{name: "x"}))
		require.Empty(t, env.Unknown(&brokers{}, map[string]string{name: "x", meant: "y"}), "%s belongs to another program", name)
	}
	for _, name := range []string{
		"KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_HOME", "KAFKA_PORT", "KAFKA_SERVICE_HOST", "KAFKA_PORT_9092_TCP_ADDR",
		"KAFKA_ADVERTISED_LISTENERS", "KAFKA_SSL_KEY_FILE", "KAFKA_SSL_CERT_FILE", "KAFKA_CLIENT_ID",
		"REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_SSL", "REDIS_TLS", "REDIS_USER", "REDIS_PASSWORD", "REDIS_SERVICE_HOST",
		"REDIS_PORT_6379_TCP", "REDIS_POOL_SIZE", "CORS_MAX_AGE", "CORS_ENABLED", "CORS", "PATH", "HOME", "HOSTNAME",
	} {
		require.Empty(t, env.Unknown(&brokers{}, map[string]string{name: "x"}))
	}
}

func TestVars(t *testing.T) {
	require.Equal(t, map[string]string{"A": "b=c", "B": "", "": "x"}, env.Vars([]string{"A=b=c", "B=", "C", "=x"}))
}

func dotEnv(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDotEnv(t *testing.T) {
	path := dotEnv(t, "# comment\nA=file\nexport B='x y'\nC=file\n")
	own := map[string]string{"A": "real", "C": ""}
	vars, err := env.DotEnv(path, own)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"A": "real", "B": "x y", "C": ""}, vars)
	require.Len(t, own, 2, "the map of the caller is not changed")

	vars, err = env.DotEnv(path+"x", own)
	require.NoError(t, err)
	require.Equal(t, own, vars, "a missing file is not an error")
}

func TestDotEnvIsNotReadInProduction(t *testing.T) {
	own := map[string]string{"ENVIRONMENT": "production"}
	vars, err := env.DotEnv(dotEnv(t, "ENVIRONMENT=development\nA=file\n"), own)
	require.NoError(t, err)
	require.Equal(t, own, vars)

	_, err = env.DotEnv(dotEnv(t, "ENVIRONMENT=production\n"), map[string]string{})
	require.Equal(t, domain.ConfigurationError, domain.CodeOf(err), "a file cannot select production")
}

func TestUnreadableDotEnv(t *testing.T) {
	_, err := env.DotEnv(dotEnv(t, "KEY=ok\ngeheim\n\"'"), nil)
	require.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
	require.NotContains(t, err.Error(), "geheim")

	_, err = env.DotEnv(t.TempDir(), nil)
	require.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
}

func FuzzDotEnv(f *testing.F) {
	f.Add("A=b\n")
	f.Add("A=${B}\nexport C=\"d\\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		vars, err := env.DotEnv(dotEnv(t, text), map[string]string{"A": "real"})
		if err == nil {
			require.Equal(t, "real", vars["A"])
		}
	})
}

// The tags of an enclosing struct change the settings inside.
func TestTagsOfEnclosingStructs(t *testing.T) {
	type store struct {
		URL  string `env:"URL" envDefault:"redis://localhost" alias:"URL"`
		Wait int    `env:"WAIT" envDefault:"5"`
	}
	var uses struct {
		Own   store
		Other struct{ Inner store } `envPrefix:"B_" envDefault.URL:"redis://other?a=b" envDefault.WAIT:"7" alias.URL:"OLD_B_URL" alias.WAIT:"OLD_B_WAIT"`
	}
	for name, row := range map[string]struct {
		vars            map[string]string
		own, other, why string
	}{
		"defaults":              {nil, "redis://localhost", "redis://other?a=b", ""},
		"the field's own alias": {map[string]string{"URL": "u"}, "u", "u", ""},
		"the alias of the enclosing struct has precedence": {
			map[string]string{"URL": "u", "OLD_B_URL": "o"}, "u", "o", "",
		},
		"the prefixed name has precedence": {
			map[string]string{"URL": "u", "OLD_B_URL": "o", "B_URL": "b"}, "u", "b", "",
		},
		"a problem names the alias": {map[string]string{"OLD_B_WAIT": "x"}, "redis://localhost", "redis://other?a=b", "OLD_B_WAIT"},
	} {
		t.Run(name, func(t *testing.T) {
			err := env.Read(&uses, row.vars)
			require.Equal(t, row.own, uses.Own.URL)
			require.Equal(t, row.other, uses.Other.Inner.URL)
			require.Equal(t, 5, uses.Own.Wait)
			require.Equal(t, 7, uses.Other.Inner.Wait)
			require.Equal(t, row.why == "", err == nil)
			if row.why != "" {
				require.Contains(t, env.Explain(err)[0], row.why+": ")
			}
		})
	}
	require.Equal(t, []string{"OLD_B_URL", "URL"}, env.Settings(&uses)[2].Aliases)
}
