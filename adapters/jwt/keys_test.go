package jwt_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// The public key, which everybody has, must not serve as a shared secret.
func TestPublicKeyIsNotAcceptedAsSecret(t *testing.T) {
	for _, algorithm := range []string{"RS256", "PS384", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			c := settingsFor(algorithm, keyFor(algorithm))
			v := validator(t, c, discardObserver{})
			for _, key := range []string{c.PublicKey, strings.TrimSpace(c.PublicKey), strings.ReplaceAll(c.PublicKey, "\n", "")} {
				_, err := v.Validate(t.Context(), sign(t, "HS256", []byte(key), `{"alg":"HS256"}`, payload()))
				requireCause(t, err, "algorithm")
				_, err = v.Validate(t.Context(), sign(t, "HS256", []byte(key), `{"alg":"`+algorithm+`"}`, payload()))
				requireCause(t, err, "signature")
			}
		})
	}
}

// One RSA key fits six algorithms; a token may use the configured one only.
func TestOneAlgorithmPerKey(t *testing.T) {
	v := validator(t, settingsFor("RS256", rsaKey()), discardObserver{})
	for _, other := range []string{"RS384", "RS512", "PS256", "PS384", "PS512"} {
		_, err := v.Validate(t.Context(), sign(t, other, rsaKey(), `{"alg":"`+other+`"}`, payload()))
		requireCause(t, err, "algorithm")
		_, err = v.Validate(t.Context(), sign(t, other, rsaKey(), `{"alg":"RS256"}`, payload()))
		requireCause(t, err, "signature")
	}
}

// Keys that a token brings along or points to are not even looked at.
func TestKeysOfTheTokenAreIgnored(t *testing.T) {
	var asked atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer trap.Close()
	attacker := must(rsa.GenerateKey(rand.Reader, 2048))
	own := map[string]any{
		"kty": "RSA", "e": "AQAB", "kid": "own",
		"n": base64.RawURLEncoding.EncodeToString(attacker.N.Bytes()),
	}
	v := validator(t, settingsFor("RS256", rsaKey()), discardObserver{})
	for name, extra := range map[string]map[string]any{
		"jku":          {"jku": trap.URL + "/keys", "kid": "own"},
		"x5u":          {"x5u": trap.URL + "/chain"},
		"jwk":          {"jwk": own},
		"x5c":          {"x5c": []string{"MIIB"}},
		"kid is a URL": {"kid": trap.URL},
	} {
		t.Run(name, func(t *testing.T) {
			header := map[string]any{"alg": "RS256"}
			maps.Copy(header, extra)
			text := string(must(json.Marshal(header)))
			_, err := v.Validate(t.Context(), sign(t, "RS256", attacker, text, payload()))
			requireCause(t, err, "signature")
			_, err = v.Validate(t.Context(), sign(t, "RS256", rsaKey(), text, payload()))
			require.NoError(t, err, "the header's proposals do not harm a good token either")
		})
	}
	require.Zero(t, asked.Load(), "a token made us ask its server")
}

// A key id is a name to look up, never a path, a query or a command; with one
// fixed key it says nothing.
func TestKeyIDsAreOnlyNames(t *testing.T) {
	fixed := validator(t, settings(), discardObserver{})
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

// A signature that is right but written in another way is another token, and
// is refused: the spare bits of the last character must be zero.
func TestOneSpellingPerToken(t *testing.T) {
	v := validator(t, settings(), discardObserver{})
	good := sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, payload())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, good[len(good)-1])
	for spare := 1; spare < 4; spare++ { // 32 bytes leave two bits over
		_, err := v.Validate(t.Context(), good[:len(good)-1]+string(alphabet[last|spare]))
		requireCause(t, err, "malformed")
	}
}

// A token that was good must not open the door for one that resembles it.
func TestCacheIsByTheWholeToken(t *testing.T) {
	v := validator(t, settings(), discardObserver{})
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

// ECDSA's all-zero signature, which some libraries took for good.
func TestPsychicSignature(t *testing.T) {
	v := validator(t, settingsFor("ES256", keyFor("ES256")), discardObserver{})
	b64 := base64.RawURLEncoding.EncodeToString
	token := b64([]byte(`{"alg":"ES256"}`)) + "." + b64([]byte(payload())) + "." + b64(make([]byte, 64))
	_, err := v.Validate(t.Context(), token)
	requireCause(t, err, "signature")
}

// A hostile token is refused quickly, whatever its size and nesting.
func TestHostileTokensAreCheap(t *testing.T) {
	v := validator(t, settings(), discardObserver{})
	began := time.Now()
	for _, token := range []string{
		strings.Repeat(".", 1<<20), strings.Repeat("a.", 1<<19), strings.Repeat(".", 8000),
		sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, strings.Repeat("[", 5000)),
		sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, strings.Repeat(`{"a":`, 1000)),
		sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, `{"exp":1`+strings.Repeat("0", 5000)+`}`),
	} {
		for range 20 {
			_, err := v.Validate(t.Context(), token)
			require.Equal(t, domain.AuthenticationError, domain.CodeOf(err))
		}
	}
	require.Less(t, time.Since(began), 2*time.Second)
}

// An error never carries the token or a part of it.
func TestErrorsDoNotQuoteTheToken(t *testing.T) {
	v := validator(t, settings(), discardObserver{})
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
