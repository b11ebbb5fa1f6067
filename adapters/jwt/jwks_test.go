package jwt_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/background"
	"github.com/huleedu/edge/test/recorded"
)

// endpoint is the server of a key set. It is a transport in memory, so that it works in a bubble of
// testing/synctest.
type endpoint struct {
	mu     sync.Mutex
	answer func() (status int, body string, err error)
	asked  int
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.asked++
	answer := e.answer
	e.mu.Unlock()
	status, body, err := answer()
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r, Header: http.Header{}}, nil
}

func (e *endpoint) serve(body string) {
	e.setAnswer(func() (int, string, error) { return http.StatusOK, body, nil })
}

func (e *endpoint) fail() {
	e.setAnswer(func() (int, string, error) { return 0, "", io.ErrUnexpectedEOF })
}

func (e *endpoint) setAnswer(answer func() (int, string, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

// member returns a key of a set, with changes by name and value.
func member(key any, kid string, changes ...string) map[string]any {
	k := must(jwk.FromRaw(publicOf(key)))
	m := map[string]any{}
	if err := json.Unmarshal(must(json.Marshal(k)), &m); err != nil {
		panic(err)
	}
	if kid != "" {
		m["kid"] = kid
	}
	for pair := range slices.Chunk(changes, 2) {
		m[pair[0]] = pair[1]
	}
	return m
}

func setOf(members ...map[string]any) string {
	return string(must(json.Marshal(map[string]any{"keys": members})))
}

func es256(tb testing.TB, key any, kid string) string {
	tb.Helper()
	head := `{"alg":"ES256"}`
	if kid != "" {
		head = `{"alg":"ES256","kid":"` + kid + `"}`
	}
	return sign(tb, "ES256", key, head, payload())
}

// withKeySet starts a validator that reads the endpoint, until the test ends.
func withKeySet(t *testing.T, e *endpoint) *jwt.Validator {
	t.Helper()
	return withKeySetLogging(t, e, io.Discard, 10*time.Second)
}

// withKeySetLogging is withKeySet with a log and a minimum interval between fetches.
func withKeySetLogging(t *testing.T, e *endpoint, out io.Writer, floor time.Duration) *jwt.Validator {
	t.Helper()
	c := settings()
	c.Algorithm, c.JWKSURL = "ES256", "https://user:hush@identity.test/keys?token=hush"
	c.JWKSMinInterval = floor
	v, err := jwt.New(c, recorded.NoFacts{}, slog.New(slog.NewTextHandler(out, nil)))
	require.NoError(t, err)
	jwt.SetTransport(v, e)
	background.Run(t, v.Run)
	synctest.Wait()
	return v
}

// withStaticKeySet returns a validator whose key set has one key and is not refreshed.
func withStaticKeySet(t *testing.T, key any, kid string) *jwt.Validator {
	t.Helper()
	e := &endpoint{}
	e.serve(setOf(member(key, kid)))
	c := settings()
	c.Algorithm, c.JWKSURL = "ES256", "https://identity.test/keys"
	v := validator(t, c, recorded.NoFacts{})
	jwt.SetTransport(v, e)
	ctx, stop := context.WithCancel(t.Context())
	stop() // Run fetches once and returns
	require.NoError(t, v.Run(ctx))
	return v
}

func TestKeySetRules(t *testing.T) {
	a, b := keyFor("ES256"), keyFor("ES256")
	signature := func(v *jwt.Validator, token string) string {
		_, err := v.Validate(t.Context(), token)
		if err == nil {
			return "accepted"
		}
		if domain.CodeOf(err) == domain.ServiceUnavailable {
			return "no keys"
		}
		return fmt.Sprint(domain.As(err).PublicDetails()["cause"])
	}
	rows := map[string]struct {
		set   string
		token string
		want  string
	}{
		"by id":                      {setOf(member(a, "1"), member(b, "2")), es256(t, b, "2"), "accepted"},
		"another's id":               {setOf(member(a, "1"), member(b, "2")), es256(t, b, "1"), "signature"},
		"unknown id":                 {setOf(member(a, "1")), es256(t, a, "9"), "key"},
		"no id, one key":             {setOf(member(a, "1")), es256(t, a, ""), "accepted"},
		"no id, two keys":            {setOf(member(a, "1"), member(b, "2")), es256(t, a, ""), "key"},
		"no id, one fitting key":     {setOf(member(a, "1"), member(keyFor("ES384"), "2"), member(rsaKey(), "3"), member(keyFor("EdDSA"), "4")), es256(t, a, ""), "accepted"},
		"id in a set without ids":    {setOf(member(a, "")), es256(t, a, "9"), "accepted"},
		"two keys of one id":         {setOf(member(a, "1"), member(b, "1")), es256(t, b, "1"), "accepted"},
		"for encryption":             {setOf(member(a, "1", "use", "enc"), member(b, "2")), es256(t, a, "1"), "key"},
		"for signatures":             {setOf(member(a, "1", "use", "sig")), es256(t, a, "1"), "accepted"},
		"for another algorithm":      {setOf(member(a, "1", "alg", "ES384"), member(b, "2")), es256(t, a, "1"), "key"},
		"for this algorithm":         {setOf(member(a, "1", "alg", "ES256")), es256(t, a, "1"), "accepted"},
		"not for verifying":          {setOf(withOps(member(a, "1"), "deriveKey"), member(b, "2")), es256(t, a, "1"), "key"},
		"a broken key beside":        {setOf(map[string]any{"kty": "EC", "kid": "x"}, map[string]any{"kty": 5}, member(a, "1")), es256(t, a, "1"), "accepted"},
		"a shared secret in the set": {setOf(map[string]any{"kty": "oct", "k": "c2VjcmV0", "kid": "1"}, member(a, "2")), sign(t, "HS256", []byte("secret"), `{"alg":"ES256","kid":"1"}`, payload()), "key"},
		"only a shared secret":       {setOf(map[string]any{"kty": "oct", "k": "c2VjcmV0"}), es256(t, a, ""), "no keys"},
		"a private key in the set":   {setOf(member(a, "1", "d", "AAAA")), es256(t, a, "1"), "no keys"},
		"no keys":                    {`{"keys":[]}`, es256(t, a, "1"), "no keys"},
		"no set":                     {`hello`, es256(t, a, "1"), "no keys"},
		"a list":                     {`[]`, es256(t, a, "1"), "no keys"},
		"exactly 1 MiB":              {padded(setOf(member(a, "1")), 1<<20), es256(t, a, "1"), "accepted"},
		"over 1 MiB":                 {padded(setOf(member(a, "1")), 1<<20+1), es256(t, a, "1"), "no keys"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &endpoint{}
				e.serve(row.set)
				require.Equal(t, row.want, signature(withKeySet(t, e), row.token))
			})
		})
	}
}

// padded returns the document with spaces behind it, which JSON allows.
func padded(document string, size int) string {
	return document + strings.Repeat(" ", size-len(document))
}

func withOps(m map[string]any, ops ...string) map[string]any {
	m["key_ops"] = ops
	return m
}

// TestNewKeyIsFetchedForItsFirstToken checks that tokens of the old key stay valid, that tokens of the
// new key are answered as unavailable until then, and that no token causes more fetches than the
// minimum interval allows.
func TestNewKeyIsFetchedForItsFirstToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next, e := keyFor("ES256"), keyFor("ES256"), &endpoint{}
		e.serve(setOf(member(old, "old")))
		v := withKeySet(t, e)
		check := func(key any, kid string) domain.Code {
			_, err := v.Validate(t.Context(), es256(t, key, kid))
			return domain.CodeOf(err)
		}
		require.Empty(t, check(old, "old"))
		time.Sleep(time.Second)
		require.Equal(t, domain.ServiceUnavailable, check(next, "next"), "the minimum interval has not passed")
		synctest.Wait()
		require.Equal(t, 1, e.count())

		e.serve(setOf(member(old, "old"), member(next, "next")))
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, e.count())
		require.Empty(t, check(next, "next"))
		require.Empty(t, check(old, "old"))

		for range 1000 {
			check(next, "unknown")
		}
		synctest.Wait()
		require.Equal(t, 2, e.count(), "many unknown ids cause no fetch")
		time.Sleep(10 * time.Second)
		for range 1000 {
			check(next, "unknown")
			synctest.Wait()
		}
		require.Equal(t, 3, e.count())
	})
}

// TestWithdrawnKeyInvalidatesCachedTokens checks tokens of a key that left the set.
func TestWithdrawnKeyInvalidatesCachedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next, e := keyFor("ES256"), keyFor("ES256"), &endpoint{}
		e.serve(setOf(member(old, "old")))
		v := withKeySet(t, e)
		token := es256(t, old, "old")
		_, err := v.Validate(t.Context(), token)
		require.NoError(t, err)

		e.serve(setOf(member(next, "next")))
		time.Sleep(300*time.Second + time.Millisecond)
		synctest.Wait()
		_, err = v.Validate(t.Context(), token)
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "fetched again for it first")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		_, err = v.Validate(t.Context(), token)
		requireCause(t, err, "key")
	})
}

// TestKeysAreUsedForADayWithoutTheEndpoint checks that the endpoint is requested at the minimum
// interval, and that one valid answer ends the failure.
func TestKeysAreUsedForADayWithoutTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, e := keyFor("ES256"), &endpoint{}
		e.fail()
		v := withKeySet(t, e)
		check := func(kid string) domain.Code {
			token := sign(t, "ES256", key, `{"alg":"ES256","kid":"`+kid+`"}`, strings.Replace(payload(), inAnHour(), "9999999999", 1))
			_, err := v.Validate(t.Context(), token)
			return domain.CodeOf(err)
		}
		require.Equal(t, domain.ServiceUnavailable, check("1"), "unreachable at the start")
		require.Equal(t, domain.Unhealthy, v.Health(t.Context()).Condition)
		time.Sleep(59 * time.Second)
		require.Equal(t, 6, e.count(), "every ten seconds")

		e.serve(setOf(member(key, "1")))
		time.Sleep(2 * time.Second)
		require.Empty(t, check("1"))
		require.Equal(t, domain.Healthy, v.Health(t.Context()).Condition)

		e.fail()
		time.Sleep(23 * time.Hour)
		require.Empty(t, check("1"), "old keys are used")
		require.Equal(t, domain.ServiceUnavailable, check("2"), "nothing says whether this key exists")
		require.Equal(t, domain.Degraded, v.Health(t.Context()).Condition)
		time.Sleep(time.Hour + 20*time.Second)
		require.Equal(t, domain.ServiceUnavailable, check("1"), "the keys are too old, for cached tokens too")
		require.Equal(t, domain.Unhealthy, v.Health(t.Context()).Condition)

		e.serve(setOf(member(key, "1")))
		time.Sleep(11 * time.Second)
		require.Empty(t, check("1"))
	})
}

// TestKeysEndExactlyAfterADay checks the last moment of keys whose endpoint is unavailable. A fetch fails at
// that moment too.
func TestKeysEndExactlyAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, e := keyFor("ES256"), &endpoint{}
		e.serve(setOf(member(key, "1")))
		v := withKeySet(t, e)
		e.fail()
		token := sign(t, "ES256", key, `{"alg":"ES256","kid":"1"}`, strings.Replace(payload(), inAnHour(), "9999999999", 1))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		_, err := v.Validate(t.Context(), token)
		require.NoError(t, err)
		time.Sleep(time.Nanosecond)
		_, err = v.Validate(t.Context(), es256(t, key, "1"))
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	})
}

// TestUnchangedKeySetKeepsCachedTokens checks that a token is verified again only after the keys have
// changed.
func TestUnchangedKeySetKeepsCachedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, e, seen := keyFor("ES256"), &endpoint{}, &memory.Facts{}
		e.serve(setOf(member(key, "1")))
		c := settings()
		c.Algorithm, c.JWKSURL = "ES256", "https://identity.test/keys"
		v := validator(t, c, seen)
		jwt.SetTransport(v, e)
		background.Run(t, v.Run)
		synctest.Wait()
		token := es256(t, key, "1")
		isCached := func() bool {
			_, err := v.Validate(t.Context(), token)
			require.NoError(t, err)
			facts := recorded.FactsOf[domain.TokenChecked](seen.All())
			return facts[len(facts)-1].Cached
		}
		require.False(t, isCached())
		time.Sleep(301 * time.Second)
		require.Equal(t, 2, e.count())
		require.True(t, isCached(), "the same document")
		e.serve(setOf(member(key, "1"), member(keyFor("ES256"), "2")))
		time.Sleep(300 * time.Second)
		require.False(t, isCached(), "another document")
	})
}

func TestShortEd25519KeysAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, e := keyFor("EdDSA"), &endpoint{}
		e.serve(setOf(member(key, "1", "x", "c2hvcnQ"), member(key, "2")))
		c := settings()
		c.Algorithm, c.JWKSURL = "EdDSA", "https://identity.test/keys"
		v := validator(t, c, recorded.NoFacts{})
		jwt.SetTransport(v, e)
		background.Run(t, v.Run)
		synctest.Wait()
		_, err := v.Validate(t.Context(), sign(t, "EdDSA", key, `{"alg":"EdDSA"}`, payload()))
		require.NoError(t, err, "the set has one key")
	})
}

// TestKeySetOverHTTP checks that a request has a timeout and that no redirect is followed.
func TestKeySetOverHTTP(t *testing.T) {
	key := keyFor("ES256")
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, setOf(member(key, "1"))) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) })
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) { <-release })
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(release)

	for path, want := range map[string]domain.Code{"/good": "", "/moved": domain.ServiceUnavailable, "/silent": domain.ServiceUnavailable} {
		c := settings()
		c.Algorithm, c.JWKSURL, c.JWKSTimeout, c.JWKSMinInterval = "ES256", server.URL+path, 100*time.Millisecond, time.Hour
		v := validator(t, c, recorded.NoFacts{})
		stop := background.Run(t, v.Run)
		require.Eventually(t, func() bool { h := v.Health(t.Context()); return h.Err != nil || h.Condition == domain.Healthy }, 5*time.Second, time.Millisecond)
		_, err := v.Validate(t.Context(), es256(t, key, "1"))
		require.Equal(t, want, domain.CodeOf(err), path)
		stop()
	}
}

func TestRunWithoutKeySetOnlyWaits(t *testing.T) {
	v := validator(t, settings(), recorded.NoFacts{})
	require.Equal(t, domain.Healthy, v.Health(t.Context()).Condition)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, v.Run(ctx))
}

func FuzzKeySet(f *testing.F) {
	f.Add(setOf(member(keyFor("ES256"), "1")))
	f.Add(setOf(member(rsaKey(), "1")))
	f.Add(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":""}]}`)
	f.Fuzz(func(_ *testing.T, document string) {
		for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
			jwt.ParseKeySet(algorithm, []byte(document))
		}
	})
}
