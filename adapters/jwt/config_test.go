package jwt_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// keysOf returns the settings of the problems, in order.
func keysOf(t *testing.T, problems []error) []string {
	t.Helper()
	if len(problems) == 0 {
		return nil
	}
	names := make([]string, len(problems))
	for i, p := range problems {
		require.Equal(t, domain.ConfigurationError, domain.CodeOf(p))
		names[i] = domain.As(p).Setting
	}
	return names
}

// expectedProblem is a change of a valid configuration and the settings that are reported for it.
type expectedProblem struct {
	change func(*jwt.Config)
	// always is reported in every environment, production only there.
	always, production []string
}

func requireProblems(t *testing.T, rows map[string]expectedProblem) {
	t.Helper()
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			c := settings()
			row.change(&c)
			require.Equal(t, row.always, keysOf(t, c.Problems(domain.Development)))
			require.Equal(t, append(row.always, row.production...), keysOf(t, c.Problems(domain.Production)))
			_, err := jwt.New(c, recorded.NoFacts{}, discardLog())
			require.Equal(t, row.always != nil, err != nil, "New reports the same problems: %v", err)
		})
	}
}

func TestProblems(t *testing.T) {
	requireProblems(t, map[string]expectedProblem{
		"good":                 {func(*jwt.Config) {}, nil, nil},
		"unknown algorithm":    {func(c *jwt.Config) { c.Algorithm = "none" }, []string{"JWT_ALGORITHM"}, nil},
		"lower-case algorithm": {func(c *jwt.Config) { c.Algorithm = "hs256" }, []string{"JWT_ALGORITHM"}, nil},
		"no secret":            {func(c *jwt.Config) { c.SecretKey = "" }, []string{"JWT_SECRET_KEY"}, nil},
		"blank secret":         {func(c *jwt.Config) { c.SecretKey = "   " }, []string{"JWT_SECRET_KEY"}, nil},
		"31 bytes":             {func(c *jwt.Config) { c.SecretKey = domain.Secret(shared[:31]) }, nil, []string{"JWT_SECRET_KEY"}},
		"well known": {
			func(c *jwt.Config) { c.SecretKey = "a-string-secret-at-least-256-bits-long" }, nil,
			[]string{"JWT_SECRET_KEY"},
		},
		"well known, short":  {func(c *jwt.Config) { c.SecretKey = "changeme" }, nil, []string{"JWT_SECRET_KEY", "JWT_SECRET_KEY"}},
		"one byte repeated":  {func(c *jwt.Config) { c.SecretKey = domain.Secret(strings.Repeat("k", 64)) }, nil, []string{"JWT_SECRET_KEY"}},
		"no audience":        {func(c *jwt.Config) { c.Audience = "" }, nil, []string{"JWT_AUDIENCE"}},
		"no checks at all":   {func(c *jwt.Config) { c.Audience, c.Issuer = "", "" }, nil, []string{"JWT_AUDIENCE", "JWT_ISSUER"}},
		"weak old secret":    {func(c *jwt.Config) { c.PreviousSecretKey = domain.Secret(shared[:31]) }, nil, []string{"JWT_SECRET_KEY_PREVIOUS"}},
		"no leeway":          {func(c *jwt.Config) { c.Leeway = 0 }, nil, nil},
		"negative leeway":    {func(c *jwt.Config) { c.Leeway = -time.Second }, []string{"JWT_LEEWAY_SECONDS"}, nil},
		"a blank claim name": {func(c *jwt.Config) { c.OrgClaims = []string{"org", " "} }, []string{"JWT_ORG_ID_CLAIM_NAMES"}, nil},
		"several at once": {
			func(c *jwt.Config) { c.Algorithm, c.Leeway, c.OrgClaims = "x", -1, []string{""} },
			[]string{"JWT_ALGORITHM", "JWT_LEEWAY_SECONDS", "JWT_ORG_ID_CLAIM_NAMES"},
			nil,
		},
	})
}

func TestPublicKeyProblems(t *testing.T) {
	ec := keyFor("ES256")
	file := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(file, []byte(publicPEM(ec)), 0o600))
	small := pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&must(rsa.GenerateKey(rand.Reader, rsaKey().Size()*4)).PublicKey))
	asymmetric := func(algorithm, text string) func(*jwt.Config) {
		return func(c *jwt.Config) { c.Algorithm, c.SecretKey, c.PublicKey = algorithm, "", text }
	}
	jwks := func(url string) func(*jwt.Config) {
		return func(c *jwt.Config) { c.Algorithm, c.SecretKey, c.JWKSURL = "ES256", "", url }
	}
	requireProblems(t, map[string]expectedProblem{
		"no public key":           {asymmetric("ES256", ""), []string{"JWT_PUBLIC_KEY"}, nil},
		"public key":              {asymmetric("ES256", publicPEM(ec)), nil, nil},
		"public key on one line":  {asymmetric("ES256", strings.ReplaceAll(publicPEM(ec), "\n", `\n`)), nil, nil},
		"no PEM":                  {asymmetric("ES256", "hello"), []string{"JWT_PUBLIC_KEY"}, nil},
		"private key":             {asymmetric("ES256", privatePEM(ec)), []string{"JWT_PUBLIC_KEY"}, nil},
		"key of another kind":     {asymmetric("RS256", publicPEM(ec)), []string{"JWT_PUBLIC_KEY"}, nil},
		"key of another curve":    {asymmetric("ES384", publicPEM(ec)), []string{"JWT_PUBLIC_KEY"}, nil},
		"RSA of 1024 bits":        {asymmetric("RS256", small), []string{"JWT_PUBLIC_KEY"}, nil},
		"key file":                {func(c *jwt.Config) { c.Algorithm, c.PublicKeyPath = "ES256", file }, nil, nil},
		"key file that is absent": {func(c *jwt.Config) { c.Algorithm, c.PublicKeyPath = "ES256", file+"x" }, []string{"JWT_PUBLIC_KEY_PATH"}, nil},
		"key set":                 {jwks("https://identity/keys"), nil, nil},
		"key set over http":       {jwks("http://identity/keys"), nil, []string{"JWT_JWKS_URL"}},
		"key set without host":    {jwks("https:///keys"), []string{"JWT_JWKS_URL"}, nil},
		"key set in a file":       {jwks("file:///keys"), []string{"JWT_JWKS_URL"}, nil},
		"key set without times": {func(c *jwt.Config) {
			jwks("https://identity/keys")(c)
			c.JWKSRefreshInterval, c.JWKSMinInterval, c.JWKSTimeout = 0, -1, 0
		}, []string{"JWT_JWKS_REFRESH_INTERVAL", "JWT_JWKS_MIN_INTERVAL", "JWT_JWKS_TIMEOUT"}, nil},
	})
}

// TestPublicKeyProblemsNameTheFault checks that the message tells what is wrong with the text.
func TestPublicKeyProblemsNameTheFault(t *testing.T) {
	key := keyFor("ES256")
	for text, want := range map[string]string{
		"hello":                              "is not a public key in PEM",
		publicPEM(key) + "trailing":          "has data behind its first PEM block",
		publicPEM(key) + publicPEM(key):      "has data behind its first PEM block",
		privatePEM(key):                      "is a private key",
		publicPEM(keyFor("ES384")) + " \n\n": "does not fit ES256",
	} {
		c := settings()
		c.Algorithm, c.SecretKey, c.PublicKey = "ES256", "", text
		_, err := jwt.New(c, recorded.NoFacts{}, discardLog())
		require.ErrorContains(t, err, want)
	}
}

// TestProblemsDoNotQuoteSecrets checks that no problem contains the value.
func TestProblemsDoNotQuoteSecrets(t *testing.T) {
	c := settings()
	c.Algorithm, c.SecretKey = "hs256-geheim", "geheim"
	c.PublicKey, c.JWKSURL = "geheim", "ftp://user:geheim@host"
	for _, algorithm := range []string{"HS256", "RS256"} {
		c.Algorithm = algorithm
		for _, p := range c.Problems(domain.Production) {
			require.NotContains(t, p.Error(), "geheim")
		}
		c.JWKSURL = ""
	}
}

func TestPEMForms(t *testing.T) {
	key := rsaKey()
	for name, text := range map[string]string{
		"PKIX":   publicPEM(key),
		"PKCS 1": pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)),
	} {
		c := settings()
		c.Algorithm, c.PublicKey = "RS256", text
		_, err := jwt.New(c, recorded.NoFacts{}, discardLog())
		require.NoError(t, err, name)
	}
}
