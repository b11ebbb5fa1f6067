package jwt_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// TestKeyIDsAreOnlyNames checks that a key id is not a path, a query or a command, and that it is
// ignored with one fixed key.
func TestKeyIDsAreOnlyNames(t *testing.T) {
	fixed := validator(t, settings(), recorded.NoFacts{})
	key := keyFor("ES256")
	set := withStaticKeySet(t, key, "k1")
	for _, kid := range []string{
		"../../../../dev/null", "/dev/null", "k1' UNION SELECT 'x", "k1\x00", "$(id)", "K1", " k1", strings.Repeat("k", 4000),
	} {
		head := string(must(json.Marshal(map[string]any{"alg": "ES256", "kid": kid})))
		_, err := set.Validate(t.Context(), sign(t, "ES256", key, head, payload()))
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "the set is fetched again for it first")

		head = strings.Replace(head, "ES256", "HS256", 1)
		_, err = fixed.Validate(t.Context(), sign(t, "HS256", []byte(shared), head, payload()))
		require.NoError(t, err)
		for _, guess := range [][]byte{{0}, []byte("AA=="), []byte(kid)} {
			_, err = fixed.Validate(t.Context(), sign(t, "HS256", guess, head, payload()))
			requireCause(t, err, "signature")
		}
	}
}

// TestOneEncodingPerToken checks that the unused bits of the last character must be zero.
func TestOneEncodingPerToken(t *testing.T) {
	v := validator(t, settings(), recorded.NoFacts{})
	good := sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, payload())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, good[len(good)-1])
	for spare := 1; spare < 4; spare++ { // 32 bytes leave two bits unused
		_, err := v.Validate(t.Context(), good[:len(good)-1]+string(alphabet[last|spare]))
		requireCause(t, err, "malformed")
	}
}

// TestCacheUsesTheWholeToken changes each byte of a cached token.
func TestCacheUsesTheWholeToken(t *testing.T) {
	v := validator(t, settings(), recorded.NoFacts{})
	good := sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, payload())
	_, err := v.Validate(t.Context(), good)
	require.NoError(t, err)
	for i := range len(good) {
		changed := []byte(good)
		changed[i] ^= 1
		_, err := v.Validate(t.Context(), string(changed))
		require.Error(t, err, "byte %d", i)
	}
}

// TestAllZeroSignatureIsRefused checks an ECDSA signature that some libraries have accepted.
func TestAllZeroSignatureIsRefused(t *testing.T) {
	v := validator(t, settingsFor("ES256", keyFor("ES256")), recorded.NoFacts{})
	b64 := base64.RawURLEncoding.EncodeToString
	token := b64([]byte(`{"alg":"ES256"}`)) + "." + b64([]byte(payload())) + "." + b64(make([]byte, 64))
	_, err := v.Validate(t.Context(), token)
	requireCause(t, err, "signature")
}

func TestNestedAndLargeTokensAreRefused(t *testing.T) {
	v := validator(t, settings(), recorded.NoFacts{})
	for _, token := range []string{
		strings.Repeat(".", 1<<20), strings.Repeat("a.", 1<<19), strings.Repeat(".", 8000),
		sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, strings.Repeat("[", 5000)),
		sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, strings.Repeat(`{"a":`, 1000)),
		sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, `{"exp":1`+strings.Repeat("0", 5000)+`}`),
	} {
		_, err := v.Validate(t.Context(), token)
		require.Equal(t, domain.AuthenticationError, domain.CodeOf(err))
	}
}

// TestErrorsDoNotQuoteTheToken checks that no error contains a part of the token.
func TestErrorsDoNotQuoteTheToken(t *testing.T) {
	v := validator(t, settings(), recorded.NoFacts{})
	for _, text := range []string{`{"sub":"geheim","exp":"geheim"}`, `{"sub":"geheim"`, `{"sub":"}geheim","exp":` + inAnHour() + `}`, `{"geheim":1,"geheim":2}`} {
		token := sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, text)
		_, err := v.Validate(t.Context(), token)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "geheim")
		require.NotContains(t, err.Error(), token[:20])
	}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func privatePEM(key any) string {
	return pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
}
