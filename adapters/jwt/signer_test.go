package jwt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	shared  = "8fJq2LzX7vRwK0tYbN4mDcHsGpEu9aWi"
	foreign = "another-8fJq2LzX7vRwK0tYbN4mDcHs"
)

// settings returns the defaults of the configuration with a secret.
func settings() jwt.Config {
	return jwt.Config{
		Algorithm: "HS256", SecretKey: shared,
		Audience: "huleedu-platform", Issuer: "huleedu-identity-service",
		Leeway: 5 * time.Second, OrgClaims: []string{"org_id", "org", "organization_id"},
		JWKSRefreshInterval: 300 * time.Second, JWKSMinInterval: 10 * time.Second, JWKSTimeout: 5 * time.Second,
	}
}

// sign signs a header and a payload without checking them.
func sign(tb testing.TB, algorithm string, key any, header, payload string) string {
	tb.Helper()
	signer, err := jws.NewSigner(jwa.SignatureAlgorithm(algorithm))
	require.NoError(tb, err)
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	signature, err := signer.Sign([]byte(input), key)
	require.NoError(tb, err)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// keyFor returns a private key for an algorithm. The RSA key is always the same, because making one
// takes long.
func keyFor(algorithm string) any {
	switch {
	case strings.HasPrefix(algorithm, "HS"):
		return []byte(shared)
	case algorithm == "ES256":
		return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case algorithm == "ES384":
		return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	case algorithm == "ES512":
		return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	case algorithm == "EdDSA":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	default:
		return rsaKey()
	}
}

func publicOf(key any) any {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return &k.PublicKey
	case *ecdsa.PrivateKey:
		return &k.PublicKey
	case ed25519.PrivateKey:
		return k.Public()
	default:
		panic("a key without a public key")
	}
}

func publicPEM(key any) string {
	der := must(x509.MarshalPKIXPublicKey(publicOf(key)))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// settingsFor returns a configuration that trusts the key.
func settingsFor(algorithm string, key any) jwt.Config {
	c := settings()
	c.Algorithm = algorithm
	if _, symmetric := key.([]byte); !symmetric {
		c.SecretKey, c.PublicKey = "", publicPEM(key)
	}
	return c
}

func validator(tb testing.TB, c jwt.Config, o ports.Observer) *jwt.Validator {
	tb.Helper()
	v, err := jwt.New(c, o, discardLog())
	require.NoError(tb, err)
	return v
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// payload returns a valid payload that expires in an hour.
func payload() string {
	return `{"sub":"teacher-1","aud":"huleedu-platform","iss":"huleedu-identity-service","exp":` + inAnHour() + `}`
}

// requireCause checks that a token was refused with the cause.
func requireCause(tb testing.TB, err error, cause string) {
	tb.Helper()
	require.Error(tb, err)
	require.Equal(tb, domain.AuthenticationError, domain.CodeOf(err), err)
	require.Equal(tb, cause, domain.As(err).PublicDetails()["cause"], err)
}
