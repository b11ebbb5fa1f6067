package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/recorded"
)

// ValidatorHarness configures the suite for an adapter of ports.TokenValidator. The
// validator must expect Algorithm, Audience and Issuer, allow a leeway of 5 s, and read
// the organisation from org_id, org and organization_id.
type ValidatorHarness struct {
	// New returns a validator with its keys. It must not start a goroutine, because the
	// suite runs it in a synctest bubble.
	New func(t testing.TB, o ports.Observer) ports.TokenValidator
	// Sign returns a compact token of a raw JSON header and payload, signed with a key
	// that the validator knows, regardless of the header.
	Sign func(header, payload string) string
	// Forge is like Sign with a key that the validator does not know.
	Forge func(header, payload string) string
	// Algorithm, Audience and Issuer are the values that the validator expects.
	Algorithm, Audience, Issuer string
	// NewWithoutKeys returns a validator whose keys are not loaded. It is nil if that cannot
	// happen.
	NewWithoutKeys func(t testing.TB, o ports.Observer) ports.TokenValidator
}

// TokenValidator tests an adapter against the comments of ports.TokenValidator and the
// invalid tokens of the wire contract.
func TokenValidator(t *testing.T, h ValidatorHarness) {
	t.Helper()
	t.Run("accepts", func(t *testing.T) { validatorAccepts(t, h) })
	t.Run("refuses", func(t *testing.T) { validatorRefuses(t, h) })
	t.Run("a cached token expires", func(t *testing.T) { validatorExpires(t, h) })
	t.Run("serves concurrent callers", func(t *testing.T) { validatorConcurrency(t, h) })
	t.Run("missing keys make the validator unavailable", func(t *testing.T) { validatorWithoutKeys(t, h) })
}

// BenchmarkTokenValidator measures the first and a repeated validation of a token.
func BenchmarkTokenValidator(b *testing.B, h ValidatorHarness) {
	v := h.New(b, &memory.Facts{})
	b.Run("first", func(b *testing.B) {
		tokens := make([]string, 20000) // more than a cache holds
		for i := range tokens {
			tokens[i] = h.token(h.claims("jti", i))
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := v.Validate(b.Context(), tokens[i%len(tokens)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		token := h.token(h.claims())
		ctx, silent := b.Context(), h.New(b, recorded.NoFacts{})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := silent.Validate(ctx, token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// tokenResults returns the observed results of validations in order.
func tokenResults(facts *memory.Facts) []domain.TokenResult {
	var list []domain.TokenResult
	for _, checked := range recorded.FactsOf[domain.TokenChecked](facts.All()) {
		list = append(list, checked.Result)
	}
	return list
}

// claimSet is the payload or header of a token.
type claimSet map[string]any

// claims returns a valid payload with changes, given as pairs of name and value. The
// value without removes the claim.
func (h ValidatorHarness) claims(changes ...any) claimSet {
	now := time.Now()
	c := claimSet{
		"sub": "teacher-1", "aud": h.Audience, "iss": h.Issuer,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	c.change(changes)
	return c
}

// change applies pairs of name and value.
func (c claimSet) change(pairs []any) {
	for pair := range slices.Chunk(pairs, 2) {
		name := fmt.Sprint(pair[0])
		c[name] = pair[1]
		if pair[1] == without {
			delete(c, name)
		}
	}
}

// without is the value that removes a claim or a header.
const without = "\x00absent"

// header returns a valid header with changes, as JSON.
func (h ValidatorHarness) header(changes ...any) string {
	head := claimSet{"alg": h.Algorithm, "typ": "JWT"}
	head.change(changes)
	return head.text()
}

// token returns a signed token with a valid header.
func (h ValidatorHarness) token(c claimSet) string { return h.Sign(h.header(), c.text()) }

// text returns the claims as JSON.
func (c claimSet) text() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// textWith returns the JSON with raw members first, such as a repeated name, which encoding/json cannot produce.
func (c claimSet) textWith(raw string) string { return "{" + raw + "," + c.text()[1:] }

func validatorAccepts(t *testing.T, h ValidatorHarness) {
	t.Helper()
	now := time.Now()
	rows := map[string]struct {
		token string
		want  domain.Caller
	}{
		"minimal":                   {token: h.token(h.claims())},
		"audience in a list":        {token: h.token(h.claims("aud", []any{"other", 7, h.Audience}))},
		"without iat":               {token: h.token(h.claims("iat", without))},
		"iat within the leeway":     {token: h.token(h.claims("iat", now.Unix()+3))},
		"nbf within the leeway":     {token: h.token(h.claims("nbf", now.Unix()+3))},
		"nbf in the past":           {token: h.token(h.claims("nbf", now.Unix()-3))},
		"header without typ":        {token: h.Sign(h.header("typ", without), h.claims().text())},
		"header typ at+jwt":         {token: h.Sign(h.header("typ", "at+jwt"), h.claims().text())},
		"header typ jwt":            {token: h.Sign(h.header("typ", "jwt"), h.claims().text())},
		"typ claim access":          {token: h.token(h.claims("typ", "access"))},
		"an unknown claim":          {token: h.token(h.claims("x", map[string]any{"a": []int{1}}))},
		"first organisation":        {h.token(h.claims("org_id", "o1", "org", "o2")), domain.Caller{Org: "o1"}},
		"second, first is blank":    {h.token(h.claims("org_id", " ", "org", " o2 ")), domain.Caller{Org: "o2"}},
		"third, others not strings": {h.token(h.claims("org_id", 1, "org", nil, "organization_id", "o3")), domain.Caller{Org: "o3"}},
		"no organisation":           {token: h.token(h.claims("org_id", "", "org", []string{"o"}))},
		"longest subject":           {h.token(h.claims("sub", strings.Repeat("å", 255))), domain.Caller{User: domain.UserID(strings.Repeat("å", 255))}},
		"subject with spaces":       {h.token(h.claims("sub", " a b ")), domain.Caller{User: " a b "}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			seen := &memory.Facts{}
			caller, err := h.New(t, seen).Validate(t.Context(), row.token)
			require.NoError(t, err)
			if row.want.User == "" {
				row.want.User = "teacher-1"
			}
			require.Equal(t, row.want.User, caller.User)
			require.Equal(t, row.want.Org, caller.Org)
			require.WithinDuration(t, now.Add(time.Hour), caller.Expires, 2*time.Second)
			require.Equal(t, []domain.TokenResult{domain.TokenResultSuccess}, tokenResults(seen))
		})
	}
	t.Run("expiry with a fraction", func(t *testing.T) {
		at := float64(now.Unix()) + 60.5
		caller, err := h.New(t, &memory.Facts{}).Validate(t.Context(), h.token(h.claims("exp", at)))
		require.NoError(t, err)
		require.Equal(t, now.Unix()*1000+60500, caller.Expires.UnixMilli())
	})
}

func validatorRefuses(t *testing.T, h ValidatorHarness) {
	t.Helper()
	for name, row := range invalidTokens(h) {
		t.Run(name, func(t *testing.T) {
			seen := &memory.Facts{}
			v := h.New(t, seen)
			for range 2 { // the second validation must give the same error
				caller, err := v.Validate(t.Context(), row.token)
				require.Zero(t, caller)
				requireRefusal(t, err, row)
			}
			if row.reason == "missing_authorization_header" {
				require.Empty(t, tokenResults(seen), "an empty token is not counted")
				return
			}
			result := domain.TokenResultInvalid
			if row.reason == "jwt_expired" {
				result = domain.TokenResultExpired
			}
			require.Equal(t, []domain.TokenResult{result, result}, tokenResults(seen))
		})
	}
}

func requireRefusal(t *testing.T, err error, want invalidToken) {
	t.Helper()
	require.Same(t, domain.As(err), err)
	failure := domain.As(err)
	require.Equal(t, domain.AuthenticationError, failure.Code)
	require.Equal(t, want.message, failure.Message)
	details := map[string]any{"reason": want.reason}
	if want.cause != "" {
		details["cause"] = want.cause
	}
	require.Equal(t, details, failure.PublicDetails())
}

func validatorExpires(t *testing.T, h ValidatorHarness) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v, token := h.New(t, &memory.Facts{}), h.token(h.claims("exp", time.Now().Add(time.Minute).Unix()))
		for range 3 {
			_, err := v.Validate(t.Context(), token)
			require.NoError(t, err)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		_, err := v.Validate(t.Context(), token)
		require.NoError(t, err)
		time.Sleep(time.Nanosecond) // "on or after exp", without leeway
		_, err = v.Validate(t.Context(), token)
		requireRefusal(t, err, expired(token))
	})
}

func validatorConcurrency(t *testing.T, h ValidatorHarness) {
	t.Helper()
	v := h.New(t, &memory.Facts{})
	good, bad := h.token(h.claims()), h.Forge(h.header(), h.claims().text())
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			own := h.token(h.claims("sub", fmt.Sprint("teacher-", i)))
			for range 50 {
				if _, err := v.Validate(context.Background(), good); err != nil {
					t.Error("a valid token was rejected:", err)
				}
				if _, err := v.Validate(context.Background(), bad); err == nil {
					t.Error("a forged token was accepted")
				}
				caller, err := v.Validate(context.Background(), own)
				if err != nil || caller.User != domain.UserID(fmt.Sprint("teacher-", i)) {
					t.Error("a token was confused with another one:", caller.User, err)
				}
			}
		})
	}
	group.Wait()
}

func validatorWithoutKeys(t *testing.T, h ValidatorHarness) {
	t.Helper()
	if h.NewWithoutKeys == nil {
		t.Skip("this validator always has keys")
	}
	seen := &memory.Facts{}
	v := h.NewWithoutKeys(t, seen)
	_, err := v.Validate(t.Context(), h.token(h.claims()))
	require.Same(t, domain.As(err), err)
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	require.Positive(t, domain.As(err).RetryAfter)
	require.Empty(t, tokenResults(seen), "a token that was not validated is not counted")

	_, err = v.Validate(t.Context(), "not.a.token")
	require.Equal(t, domain.AuthenticationError, domain.CodeOf(err), "a malformed token is rejected without keys")
}

// merged returns a copy with the other claims added.
func (c claimSet) merged(others claimSet) claimSet {
	m := maps.Clone(c)
	maps.Copy(m, others)
	return m
}
