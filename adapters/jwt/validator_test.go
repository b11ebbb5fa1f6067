package jwt_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/recorded"
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
		NewWithoutKeys: func(tb testing.TB, o ports.Observer) ports.TokenValidator {
			tb.Helper()
			c := settingsFor(algorithm, keyFor("ES256"))
			c.Algorithm, c.PublicKey, c.JWKSURL = "ES256", "", "http://127.0.0.1:9/keys"
			return validator(tb, c, o)
		},
	}
}

func TestContract(t *testing.T) {
	for _, algorithm := range []string{"HS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			h := harness(t, algorithm)
			if algorithm != "ES256" {
				h.NewWithoutKeys = nil
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

// TestEmptySettingDisablesItsCheck checks that the other checks stay enabled.
func TestEmptySettingDisablesItsCheck(t *testing.T) {
	c := settings()
	c.Audience, c.Issuer = "", ""
	v := validator(t, c, recorded.NoFacts{})
	for _, text := range []string{`{"sub":"a","exp":` + inAnHour() + `}`, `{"sub":"a","aud":7,"iss":[],"exp":` + inAnHour() + `}`} {
		_, err := v.Validate(t.Context(), sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, text))
		require.NoError(t, err)
	}
	_, err := v.Validate(t.Context(), sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, `{"exp":`+inAnHour()+`}`))
	requireCause(t, err, "subject")
}

func TestCachedTokenIsObserved(t *testing.T) {
	seen := &memory.Facts{}
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
	}, seen.All())
}

func TestCachedTokenDoesNotAllocate(t *testing.T) {
	v := validator(t, settings(), recorded.NoFacts{})
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
		caller, err := validator(t, c, recorded.NoFacts{}).Validate(t.Context(), token)
		require.NoError(t, err)
		require.True(t, at.Equal(caller.Expires))
		require.Equal(t, domain.UserID("teacher-1"), caller.User)
		require.Equal(t, "school-1", caller.Org)
	}
}

func TestMintWritesOnlyTheTimesItWasGiven(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	for want, claims := range map[string]jwt.Claims{
		`{}`:                                  {},
		`{"iat":1700000000}`:                  {Issued: at},
		`{"exp":1700000000}`:                  {Expires: at},
		`{"iat":1700000000,"exp":1700000060}`: {Issued: at, Expires: at.Add(time.Minute)},
	} {
		token, err := jwt.Mint(settings(), claims)
		require.NoError(t, err)
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		require.NoError(t, err)
		members := map[string]any{}
		require.NoError(t, json.Unmarshal(payload, &members))
		maps.DeleteFunc(members, func(name string, _ any) bool { return name != "iat" && name != "exp" })
		require.JSONEq(t, want, string(must(json.Marshal(members))))
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
	v := validator(f, settings(), recorded.NoFacts{})
	f.Add(sign(f, "HS256", []byte(shared), `{"alg":"HS256"}`, payload()))
	f.Add("..")
	f.Add("a.b.c")
	f.Add(`{"payload":"x"}`)
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := v.Validate(t.Context(), token)
		if (err == nil) != (caller.User != "") {
			t.Fatal("want either a caller or an error:", caller, err)
		}
		if err != nil && domain.CodeOf(err) != domain.AuthenticationError {
			t.Fatal("unexpected code:", err)
		}
	})
}

// FuzzClaims signs any header and claims, as a defective issuer could.
func FuzzClaims(f *testing.F) {
	v := validator(f, settings(), recorded.NoFacts{})
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
