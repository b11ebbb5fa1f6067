package env_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
)

// service contains configurations as the composition root declares them.
type service struct {
	Environment domain.Environment `env:"ENVIRONMENT" envDefault:"development"`
	Server      server             `envPrefix:"EDGE_"`
	Tokens      jwt.Config
	private     server // Read does not fill it
}

type server struct {
	Port    int           `env:"PORT" envDefault:"4001"`
	Bytes   int64         `env:"BYTES" envDefault:"9999999999"`
	Share   float64       `env:"SHARE" envDefault:"0.5"`
	Wait    time.Duration `env:"WAIT" envDefault:"30" alias:"OLD_WAIT,OLDER_WAIT"`
	URL     string        `env:"URL" envDefault:"http://files" alias:"URL"`
	Proxy   netip.Prefix  `env:"PROXY" envDefault:"10.0.0.0/8"`
	Origins []string      `env:"ORIGINS" envDefault:"[\"a\",\"b\"]"`
	Docs    bool          `env:"DOCS" envDefault:"false"`
	Key     domain.Secret `env:"KEY"`
	Limits  limits        `envPrefix:"LIMIT_"`
	Clock   func() time.Time
}

type limits struct {
	Uploads uint `env:"UPLOADS" envDefault:"50"`
}

func (s server) Problems(environment domain.Environment) []error {
	var all []error
	if s.Port > 65535 {
		all = append(all, domain.Misconfigured("PORT", "must be a TCP port"))
	}
	if environment == domain.Production && s.Key == "" {
		all = append(all, domain.Misconfigured("KEY", "must not be empty in production"))
	}
	if s.Wait < 0 {
		all = append(all, domain.Misconfigured("WAIT", "must not be negative"))
	}
	if s.URL == "" {
		all = append(all, errors.New("no URL"))
	}
	return all
}

// material is a secret that production accepts.
const material = "8fJq2LzX7vRwK0tYbN4mDcHsGpEu9aWi"

// enough returns variables that Read accepts, with more of them: name, value, ...
func enough(more ...string) map[string]string {
	vars := map[string]string{}
	for pair := range slices.Chunk(append(more, "JWT_SECRET_KEY", material), 2) {
		vars[pair[0]] = pair[1]
	}
	return vars
}

func TestDefaults(t *testing.T) {
	var c service
	require.NoError(t, env.Read(&c, enough()))
	require.Equal(t, domain.Development, c.Environment)
	require.Equal(t, 4001, c.Server.Port)
	require.Equal(t, int64(9999999999), c.Server.Bytes)
	require.InDelta(t, 0.5, c.Server.Share, 0)
	require.Equal(t, 30*time.Second, c.Server.Wait)
	require.Equal(t, "http://files", c.Server.URL)
	require.Equal(t, netip.MustParsePrefix("10.0.0.0/8"), c.Server.Proxy)
	require.Equal(t, []string{"a", "b"}, c.Server.Origins)
	require.Equal(t, uint(50), c.Server.Limits.Uploads)
	require.Equal(t, server{}.Port, c.private.Port)
	require.Equal(t, jwt.Config{
		Algorithm: "HS256", SecretKey: material,
		Audience: "huleedu-platform", Issuer: "huleedu-identity-service",
		Leeway: 5 * time.Second, OrgClaims: []string{"org_id", "org", "organization_id"},
		JWKSRefreshInterval: 300 * time.Second, JWKSMinInterval: 10 * time.Second, JWKSTimeout: 5 * time.Second,
	}, c.Tokens)
}

func TestValues(t *testing.T) {
	var c service
	require.NoError(t, env.Read(&c, enough(
		"ENVIRONMENT", "staging", "EDGE_PORT", " 80 ", "EDGE_BYTES", "1", "EDGE_SHARE", "1e-3", "EDGE_WAIT", "0.25", "EDGE_URL", " x ",
		"EDGE_PROXY", "192.168.0.0/16", "EDGE_ORIGINS", `[ "c" ]`, "EDGE_DOCS", "Yes", "EDGE_KEY", "k", "EDGE_LIMIT_UPLOADS", "7",
	)))
	require.Equal(t, domain.Staging, c.Environment)
	require.Equal(t, 80, c.Server.Port)
	require.Equal(t, int64(1), c.Server.Bytes)
	require.InDelta(t, 0.001, c.Server.Share, 0)
	require.Equal(t, 250*time.Millisecond, c.Server.Wait)
	require.Equal(t, " x ", c.Server.URL, "blanks belong to a text")
	require.Equal(t, netip.MustParsePrefix("192.168.0.0/16"), c.Server.Proxy)
	require.Equal(t, []string{"c"}, c.Server.Origins)
	require.True(t, c.Server.Docs)
	require.Equal(t, "k", c.Server.Key.Reveal())
	require.Equal(t, uint(7), c.Server.Limits.Uploads)
}

// The prefixed name has precedence, then the aliases in their order, without prefix.
func TestAliases(t *testing.T) {
	for _, row := range []struct {
		vars map[string]string
		wait time.Duration
	}{
		{enough("EDGE_WAIT", "1", "OLD_WAIT", "2", "OLDER_WAIT", "3"), time.Second},
		{enough("OLD_WAIT", "2", "OLDER_WAIT", "3"), 2 * time.Second},
		{enough("OLDER_WAIT", "3"), 3 * time.Second},
		{enough("EDGE_OLD_WAIT", "4", "WAIT", "5"), 30 * time.Second},
	} {
		var c service
		require.NoError(t, env.Read(&c, row.vars))
		require.Equal(t, row.wait, c.Server.Wait, row.vars)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "30": 30 * time.Second, "0.5": 500 * time.Millisecond, "1e1": 10 * time.Second, "30s": 30 * time.Second,
		"1m30s": 90 * time.Second, "24h": 24 * time.Hour, "0.1": 100 * time.Millisecond, "15ms": 15 * time.Millisecond,
	} {
		var c service
		require.NoError(t, env.Read(&c, enough("EDGE_WAIT", text)), text)
		require.Equal(t, want, c.Server.Wait, text)
	}
	for _, text := range []string{"soon", "1 s", "NaN", "Inf", "-Inf", "1e300", "9223372037", "30x", "0x"} {
		var c service
		require.Equal(t, []string{"EDGE_WAIT: must be a number of seconds, or a duration such as 30s or 5m"},
			env.Explain(env.Read(&c, enough("EDGE_WAIT", text))), text)
	}
}

// An empty variable is an empty text. For every other type it counts as not set.
func TestSetButEmpty(t *testing.T) {
	var c service
	require.NoError(t, env.Read(&c, enough(
		"JWT_AUDIENCE", "", "JWT_ISSUER", "", "EDGE_PORT", "", "EDGE_WAIT", " ", "EDGE_ORIGINS", "", "EDGE_DOCS", "", "EDGE_PROXY", "", "EDGE_KEY", "",
	)))
	require.Empty(t, c.Tokens.Audience)
	require.Empty(t, c.Tokens.Issuer)
	require.Equal(t, 4001, c.Server.Port)
	require.Equal(t, 30*time.Second, c.Server.Wait)
	require.Equal(t, []string{"a", "b"}, c.Server.Origins)
	require.Equal(t, netip.MustParsePrefix("10.0.0.0/8"), c.Server.Proxy)

	require.Equal(t, []string{"JWT_SECRET_KEY: is required for HS256; there is no default secret"},
		env.Explain(env.Read(&c, map[string]string{"JWT_SECRET_KEY": ""})))
}

// One error lists all problems: values that cannot be parsed, then the problems of each
// section, with the variable that was read.
func TestAllProblemsAtOnce(t *testing.T) {
	var c service
	err := env.Read(&c, map[string]string{
		"ENVIRONMENT": "production", "EDGE_PORT": "70000", "EDGE_BYTES": "many", "EDGE_SHARE": "half", "OLDER_WAIT": "-1",
		"EDGE_PROXY": "everyone", "EDGE_ORIGINS": "http://a,http://b", "EDGE_DOCS": "perhaps", "EDGE_LIMIT_UPLOADS": "-1",
		"JWT_AUDIENCE": "", "JWT_LEEWAY_SECONDS": "5 seconds", "JWT_SECRET_KEY": "changeme", "EDGE_URL": "",
	})
	require.Equal(t, []string{
		"EDGE_BYTES: must be a whole number within range",
		"EDGE_SHARE: must be a number",
		"EDGE_PROXY: cannot be read",
		`EDGE_ORIGINS: must be a JSON array of strings, such as ["a","b"]`,
		"EDGE_DOCS: must be true or false",
		"EDGE_LIMIT_UPLOADS: must be a whole number within range, not negative",
		"JWT_LEEWAY_SECONDS: must be a number of seconds, or a duration such as 30s or 5m",
		"EDGE_PORT: must be a TCP port",
		"EDGE_KEY: must not be empty in production",
		"OLDER_WAIT: must not be negative",
		"env_test.server: cannot be used",
		"JWT_SECRET_KEY: must have at least 32 bytes in production",
		"JWT_SECRET_KEY: is a well-known or guessable text, which production refuses",
		"JWT_AUDIENCE: must not be empty in production: the audience would not be checked",
	}, env.Explain(err))
	joined, is := err.(interface{ Unwrap() []error })
	require.True(t, is)
	for _, one := range joined.Unwrap() {
		require.Same(t, domain.As(one), one)
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(one))
	}
}

func TestLists(t *testing.T) {
	for _, text := range []string{"a", "a,b", `{"a":1}`, `[1]`, `["a",null]`, `null`, `["a"`, `["a"]]`, `"a"`} {
		var c service
		require.Len(t, env.Explain(env.Read(&c, enough("EDGE_ORIGINS", text))), 1, text)
	}
	var c service
	require.NoError(t, env.Read(&c, enough("EDGE_ORIGINS", "[]")))
	require.Empty(t, c.Server.Origins)
}

func TestBooleans(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "TRUE": true, "1": true, "on": true, "yes": true, "false": false, "0": false, "Off": false, "no": false} {
		var c service
		require.NoError(t, env.Read(&c, enough("EDGE_DOCS", text)), text)
		require.Equal(t, want, c.Server.Docs, text)
	}
}

func TestUnknownEnvironment(t *testing.T) {
	for _, text := range []string{"prod", "Production", " production", ""} {
		var c service
		require.Equal(t, []string{"ENVIRONMENT: must be development, staging, production or testing"},
			env.Explain(env.Read(&c, enough("ENVIRONMENT", text))), text)
	}
}

// No error quotes a value.
func TestValuesAreNotQuoted(t *testing.T) {
	for _, setting := range env.Settings(&service{}) {
		if setting.Name == "EDGE_URL" {
			continue // an ordinary text, which its section may print
		}
		var c service
		err := env.Read(&c, map[string]string{setting.Name: "geheim", "EDGE_DOCS": "x"})
		for _, text := range append(env.Explain(err), fmt.Sprintf("%v %+v", err, err)) {
			require.NotContains(t, text, "geheim", setting.Name)
		}
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", c.Server.Key, c.Server, c.Tokens.SecretKey), "geheim", setting.Name+" is printed")
	}
}

// A variable that two sections read causes one problem.
func TestSharedVariable(t *testing.T) {
	var c struct{ A, B limits }
	err := env.Read(&c, map[string]string{"UPLOADS": "x"})
	require.Len(t, env.Explain(err), 1)
	require.NoError(t, env.Read(&c, map[string]string{"UPLOADS": "3"}))
	require.Equal(t, limits{3}, c.A)
	require.Equal(t, limits{3}, c.B)
}

func TestInvalidDefaultIsReported(t *testing.T) {
	var c struct {
		N int `env:"N" envDefault:"x"`
	}
	require.Equal(t, []string{"N: has a default that cannot be read"}, env.Explain(env.Read(&c, nil)))
}

func TestExplain(t *testing.T) {
	require.Nil(t, env.Explain(nil))
	require.Equal(t, []string{"hello"}, env.Explain(errors.New("hello")))
	require.Equal(t, []string{"A: b", "c", "Failed to start x"}, env.Explain(
		errors.Join(domain.Misconfigured("A", "b"), errors.Join(errors.New("c"), domain.NotStarted("x", nil)))))
}

func TestDestinationMustBeStruct(t *testing.T) {
	for _, dst := range []any{nil, 1, new(int), service{}, (*service)(nil)} {
		require.Panics(t, func() { _ = env.Read(dst, nil) })
	}
}

func FuzzRead(f *testing.F) {
	f.Add("30", `["a"]`, "true", "1")
	f.Add("1e400", `[`, "", "-")
	f.Fuzz(func(t *testing.T, wait, origins, docs, port string) {
		var c service
		err := env.Read(&c, enough("EDGE_WAIT", wait, "EDGE_ORIGINS", origins, "EDGE_DOCS", docs, "EDGE_PORT", port))
		require.LessOrEqual(t, len(env.Explain(err)), 4)
		require.LessOrEqual(t, c.Server.Wait, time.Duration(1<<63-1))
	})
}

func TestEmptyVariableDoesNotHideAlias(t *testing.T) {
	var c service
	require.NoError(t, env.Read(&c, enough("EDGE_WAIT", " ", "OLD_WAIT", "", "OLDER_WAIT", "7")))
	require.Equal(t, 7*time.Second, c.Server.Wait)

	values, err := env.Inspect(&c, enough("EDGE_WAIT", "", "OLDER_WAIT", "7"))
	require.NoError(t, err)
	wait := slices.IndexFunc(values, func(v env.Value) bool { return v.Name == "EDGE_WAIT" })
	require.Equal(t, "OLDER_WAIT", values[wait].Variable)

	require.Error(t, env.Read(&c, enough("EDGE_URL", "", "URL", "http://other")), "an empty text is a value")
}
