package jwt_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
)

func inAnHour() string { return strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10) }

func harness(tb testing.TB, algorithm string) contract.ValidatorHarness {
	tb.Helper()
	key, other := keyFor(algorithm), keyFor(algorithm)
	if _, symmetric := other.([]byte); symmetric {
		other = []byte(foreign)
	}
	c := settingsFor(algorithm, key)
	return contract.ValidatorHarness{
		New:       func(tb testing.TB, o ports.Observer) ports.TokenValidator { tb.Helper(); return validator(tb, c, o) },
		Sign:      func(header, payload string) string { return sign(tb, algorithm, key, header, payload) },
		Forge:     func(header, payload string) string { return sign(tb, algorithm, other, header, payload) },
		Algorithm: algorithm, Audience: c.Audience, Issuer: c.Issuer,
		Can: contract.ValidatorAbilities{NewWithoutKeys: func(tb testing.TB, o ports.Observer) ports.TokenValidator {
			tb.Helper()
			c := settingsFor(algorithm, keyFor("ES256"))
			c.Algorithm, c.PublicKey, c.JWKSURL = "ES256", "", "http://127.0.0.1:9/keys"
			return validator(tb, c, o)
		}},
	}
}

func TestContract(t *testing.T) {
	for _, algorithm := range []string{"HS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			h := harness(t, algorithm)
			if algorithm != "ES256" {
				h.Can.NewWithoutKeys = nil
			}
			contract.TokenValidator(t, h)
		})
	}
}

func BenchmarkValidator(b *testing.B) {
	for _, algorithm := range []string{"HS256", "ES256"} {
		b.Run(algorithm, func(b *testing.B) { contract.BenchmarkTokenValidator(b, harness(b, algorithm)) })
	}
}

// Every algorithm believes its own key and nothing that another made.
func TestEveryAlgorithm(t *testing.T) {
	for _, algorithm := range []string{
		"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
	} {
		t.Run(algorithm, func(t *testing.T) {
			key := keyFor(algorithm)
			v := validator(t, settingsFor(algorithm, key), discardObserver{})
			caller, err := v.Validate(t.Context(), sign(t, algorithm, key, `{"alg":"`+algorithm+`"}`, payload()))
			require.NoError(t, err)
			require.Equal(t, domain.UserID("teacher-1"), caller.User)

			_, err = v.Validate(t.Context(), sign(t, "HS256", []byte(foreign), `{"alg":"`+algorithm+`"}`, payload()))
			requireCause(t, err, "signature")
		})
	}
}

// A check whose setting is empty is off; the others stay on.
func TestChecksSwitchedOff(t *testing.T) {
	c := settings()
	c.Audience, c.Issuer = "", ""
	v := validator(t, c, discardObserver{})
	for _, text := range []string{`{"sub":"a","exp":` + inAnHour() + `}`, `{"sub":"a","aud":7,"iss":[],"exp":` + inAnHour() + `}`} {
		_, err := v.Validate(t.Context(), sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, text))
		require.NoError(t, err)
	}
	_, err := v.Validate(t.Context(), sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, `{"exp":`+inAnHour()+`}`))
	requireCause(t, err, "subject")
}

// What was remembered is said to the observer, for the metric of cache hits.
func TestCachedTokenIsObserved(t *testing.T) {
	seen := &recorder{}
	v := validator(t, settings(), seen)
	token, err := jwt.Mint(settings(), jwt.Claims{User: "a", Expires: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	for range 2 {
		_, err = v.Validate(t.Context(), token)
		require.NoError(t, err)
	}
	require.Equal(t, []domain.Fact{
		domain.TokenChecked{Result: domain.TokenResultSuccess},
		domain.TokenChecked{Result: domain.TokenResultSuccess, Cached: true},
	}, seen.facts)
}

type recorder struct{ facts []domain.Fact }

func (r *recorder) Observe(f domain.Fact) { r.facts = append(r.facts, f) }

// A remembered verdict costs no memory.
func TestCachedTokenDoesNotAllocate(t *testing.T) {
	v := validator(t, settings(), discardObserver{})
	token, err := jwt.Mint(settings(), jwt.Claims{User: "a", Expires: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = v.Validate(ctx, token) }))
}

func TestMint(t *testing.T) {
	for _, algorithm := range []string{"HS256", "HS384", "HS512"} {
		c := settings()
		c.Algorithm = algorithm
		at := time.Now().Add(time.Hour).Truncate(time.Second)
		token, err := jwt.Mint(c, jwt.Claims{User: "teacher-1", Org: "school-1", Issued: time.Now(), Expires: at})
		require.NoError(t, err)
		caller, err := validator(t, c, discardObserver{}).Validate(t.Context(), token)
		require.NoError(t, err)
		require.True(t, at.Equal(caller.Expires))
		require.Equal(t, domain.UserID("teacher-1"), caller.User)
		require.Equal(t, "school-1", caller.Org)
	}
}

func TestMintRefuses(t *testing.T) {
	for name, change := range map[string]func(*jwt.Config){
		"no secret":           func(c *jwt.Config) { c.SecretKey = "" },
		"a public-key method": func(c *jwt.Config) { c.Algorithm = "RS256" },
	} {
		t.Run(name, func(t *testing.T) {
			c := settings()
			change(&c)
			_, err := jwt.Mint(c, jwt.Claims{User: "a"})
			require.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
		})
	}
	_, err := jwt.Mint(settings(), jwt.Claims{User: "a", Others: map[string]any{"x": func() {}}})
	require.Equal(t, domain.ParsingError, domain.CodeOf(err))
}

func FuzzValidate(f *testing.F) {
	v := validator(f, settings(), discardObserver{})
	f.Add(sign(f, "HS256", []byte(shared), `{"alg":"HS256"}`, payload()))
	f.Add("..")
	f.Add("a.b.c")
	f.Add(`{"payload":"x"}`)
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := v.Validate(t.Context(), token)
		if (err == nil) != (caller.User != "") {
			t.Fatal("a caller and an error, or neither:", caller, err)
		}
		if err != nil && domain.CodeOf(err) != domain.AuthenticationError {
			t.Fatal("a token's fault with another code:", err)
		}
	})
}

// FuzzClaims signs whatever the fuzzer writes: the reader of claims must stand
// what a broken issuer signs.
func FuzzClaims(f *testing.F) {
	v := validator(f, settings(), discardObserver{})
	f.Add(`{"alg":"HS256"}`, payload())
	f.Add(`{"alg":"HS256","crit":[]}`, `{"exp":1e400}`)
	f.Add(`{"alg":"HS256","kid":"x"}`, `{"sub":{"a":[1,2,{}]},"sub":""}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		caller, err := v.Validate(t.Context(), sign(t, "HS256", []byte(shared), header, claims))
		if err != nil {
			require.Equal(t, domain.AuthenticationError, domain.CodeOf(err))
			return
		}
		_, err = domain.ParseUserID(string(caller.User))
		require.NoError(t, err)
		require.True(t, caller.Expires.After(time.Now().Add(-time.Second)))
	})
}
