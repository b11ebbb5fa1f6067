package jwt_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// TestWithdrawnKeyIsRefusedAtAnyInterval checks that the first use causes a fetch, and that each later
// one is refused.
func TestWithdrawnKeyIsRefusedAtAnyInterval(t *testing.T) {
	for _, pause := range []time.Duration{11 * time.Second, time.Minute, 20 * time.Minute, 5 * time.Hour} {
		pause += time.Millisecond // not at the time of a refresh
		t.Run(pause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				old, next, e := keyFor("ES256"), keyFor("ES256"), &endpoint{}
				e.serve(setOf(member(next, "next")))
				v := withKeySet(t, e)
				token := sign(t, "ES256", old, `{"alg":"ES256","kid":"old"}`, strings.Replace(payload(), inAnHour(), "9999999999", 1))
				time.Sleep(pause)
				_, err := v.Validate(t.Context(), token)
				require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "not fetched for it yet")
				require.LessOrEqual(t, domain.As(err).RetryAfter, 11*time.Second)
				for range 4 {
					time.Sleep(pause)
					_, err = v.Validate(t.Context(), token)
					requireCause(t, err, "key")
				}
			})
		})
	}
}

// TestUnknownKeyIDIsNewAfterADay checks that the first use of an id counts for a day.
func TestUnknownKeyIDIsNewAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, e := keyFor("ES256"), &endpoint{}
		e.serve(setOf(member(key, "1")))
		v := withKeySet(t, e)
		token := sign(t, "ES256", key, `{"alg":"ES256","kid":"unknown"}`, strings.Replace(payload(), inAnHour(), "9999999999", 1))
		time.Sleep(time.Second)
		_, err := v.Validate(t.Context(), token)
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "not fetched for it yet")
		time.Sleep(24 * time.Hour)
		_, err = v.Validate(t.Context(), token)
		requireCause(t, err, "key")
		time.Sleep(time.Nanosecond)
		_, err = v.Validate(t.Context(), token)
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err), "it counts as new")
	})
}

// TestLateKeyIsAccepted checks that a refused token causes another fetch.
func TestLateKeyIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, late, e := keyFor("ES256"), keyFor("ES256"), &endpoint{}
		e.serve(setOf(member(old, "old")))
		v := withKeySet(t, e)
		check := func() error {
			_, err := v.Validate(t.Context(), es256(t, late, "late"))
			synctest.Wait()
			return err
		}
		time.Sleep(time.Second)
		require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(check()))
		time.Sleep(20 * time.Second)
		requireCause(t, check(), "key")
		e.serve(setOf(member(old, "old"), member(late, "late")))
		time.Sleep(20 * time.Second)
		requireCause(t, check(), "key")
		require.NoError(t, check(), "the refusal has caused a fetch")
	})
}

// TestRandomKeyIDsDoNotAffectOtherTokens checks the limits of fetches and of memory.
func TestRandomKeyIDsDoNotAffectOtherTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, e := keyFor("ES256"), &endpoint{}
		e.serve(setOf(member(good, "good")))
		v := withKeySet(t, e)
		foreign := strings.SplitN(es256(t, good, "good"), ".", 2)[1]
		time.Sleep(time.Millisecond)
		for second := range 60 {
			for n := range 300 {
				head := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"ES256","kid":"%d-%d%s"}`, second, n, strings.Repeat("x", 200)))
				_, err := v.Validate(t.Context(), head+"."+foreign)
				require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
			}
			_, err := v.Validate(t.Context(), es256(t, good, "good"))
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, e.count(), 7)
		require.LessOrEqual(t, jwt.UnknownKeys(v), 4096)
	})
}

// TestInvalidKeySetsAreIgnored checks that each answer is treated as an unreachable endpoint: old keys
// are used for a day, the health shows it, and each change is logged once.
func TestInvalidKeySetsAreIgnored(t *testing.T) {
	key := keyFor("ES256")
	for name, answer := range map[string]func() (int, string, error){
		"empty":           func() (int, string, error) { return 200, `{"keys":[]}`, nil },
		"no member":       func() (int, string, error) { return 200, `{}`, nil },
		"null":            func() (int, string, error) { return 200, `{"keys":null}`, nil },
		"only oct":        func() (int, string, error) { return 200, `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"1"}]}`, nil },
		"only encryption": func() (int, string, error) { return 200, setOf(member(key, "1", "use", "enc")), nil },
		"incomplete key": func() (int, string, error) {
			return 200, `{"keys":[{"kty":"EC","kid":"1","crv":"P-256","x":"AA"}]}`, nil
		},
		"no JSON":  func() (int, string, error) { return 200, `<html>`, nil },
		"cut":      func() (int, string, error) { return 200, setOf(member(key, "1"))[:60], nil },
		"error":    func() (int, string, error) { return 500, setOf(member(key, "1")), nil },
		"redirect": func() (int, string, error) { return 302, setOf(member(key, "1")), nil },
		"oversize": func() (int, string, error) {
			return 200, setOf(member(key, "1", "x5t", strings.Repeat("a", 1<<20))), nil
		},
		"unreachable": func() (int, string, error) { return 0, "", io.ErrUnexpectedEOF },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, lines := &endpoint{}, &recorded.Log{}
				e.setAnswer(answer)
				v := withKeySetLogging(t, e, lines, time.Hour)
				check := func() domain.Code {
					_, err := v.Validate(t.Context(), sign(t, "ES256", key, `{"alg":"ES256","kid":"1"}`, strings.Replace(payload(), inAnHour(), "9999999999", 1)))
					return domain.CodeOf(err)
				}
				require.Equal(t, domain.ServiceUnavailable, check(), "no keys yet")
				time.Sleep(3*time.Hour + time.Minute)
				require.Equal(t, 1, lines.Count("level=WARN"))
				require.NotContains(t, v.Health(t.Context()).Err.Error(), "identity.test", "addresses may hold credentials")
				e.serve(setOf(map[string]any{"kty": "EC", "kid": "broken"}, member(key, "1")))
				time.Sleep(time.Hour)
				require.Empty(t, check())
				require.Equal(t, domain.Healthy, v.Health(t.Context()).Condition)

				e.setAnswer(answer)
				time.Sleep(23 * time.Hour)
				require.Empty(t, check(), "old keys stay")
				require.Equal(t, domain.Degraded, v.Health(t.Context()).Condition)
				require.Equal(t, 2, lines.Count("level=WARN"))
				require.Equal(t, 1, lines.Count("level=INFO"))
				require.NotContains(t, lines.String(), "hush", "addresses may hold credentials")
				require.Contains(t, lines.String(), "address=https://identity.test/keys ")
				time.Sleep(3 * time.Hour)
				require.Equal(t, domain.ServiceUnavailable, check())
			})
		})
	}
}
