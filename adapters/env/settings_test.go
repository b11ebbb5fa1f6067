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
	require.Equal(t, []string{"EDGE_", "EDGE_PROT", "JWT_AUDIENCES", "OLD_WAITS"}, env.Unknown(&service{}, vars, "EDGE_", "JWT_", "OLD_"))
	require.Empty(t, env.Unknown(&service{}, vars))
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
	require.Len(t, own, 2, "the caller's map stays as it is")

	vars, err = env.DotEnv(path+"x", own)
	require.NoError(t, err)
	require.Equal(t, own, vars, "no file is no fault")
}

func TestDotEnvIsNotReadInProduction(t *testing.T) {
	own := map[string]string{"ENVIRONMENT": "production"}
	vars, err := env.DotEnv(dotEnv(t, "ENVIRONMENT=development\nA=file\n"), own)
	require.NoError(t, err)
	require.Equal(t, own, vars)

	_, err = env.DotEnv(dotEnv(t, "ENVIRONMENT=production\n"), map[string]string{})
	require.Equal(t, domain.ConfigurationError, domain.CodeOf(err), "a file cannot lift the process into production")
}

func TestDotEnvThatCannotBeRead(t *testing.T) {
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
