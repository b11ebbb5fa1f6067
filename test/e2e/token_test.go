package e2e_test

import (
	"maps"
	"strings"
	"time"

	"github.com/huleedu/edge/test/harness"
)

// tokenWith returns a valid token with some claims replaced; nil removes a claim.
func tokenWith(changes map[string]any) string {
	c := harness.Claims("teacher-token")
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return harness.Sign(c)
}

// refusal is an invalid token with the expected error.
type refusal struct {
	name, authorization, message, reason, cause string
}

// refusals returns all kinds of invalid tokens, except an unknown key: a shared secret has no key id.
func refusals() []refusal {
	const (
		format  = "Invalid authentication format"
		invalid = "Invalid token"
	)
	now := time.Now()
	rows := []refusal{
		{"no header", "", "Not authenticated", "missing_authorization_header", ""},
		{"another scheme", "Basic abc", format, "invalid_authorization_format", ""},
		{"no token", "Bearer", format, "invalid_authorization_format", ""},
		{"two words", "Bearer a b", format, "invalid_authorization_format", ""},
		{"expired", tokenWith(map[string]any{"exp": now.Add(-time.Second).Unix()}), "Token has expired", "jwt_expired", "expired"},
		{"no exp", tokenWith(map[string]any{"exp": nil}), "Token missing expiration claim", "missing_exp", "expiration"},
	}
	for name, sub := range map[string]any{"no sub": nil, "empty sub": "", "blank sub": "  ", "number as sub": 7} {
		rows = append(rows, refusal{name, tokenWith(map[string]any{"sub": sub}), "Invalid token payload: missing subject", "missing_subject", "subject"})
	}
	for _, r := range []struct{ name, token, cause string }{
		{"foreign signature", harness.SignWith(map[string]any{"alg": "HS256"}, harness.Claims("teacher-token"), "another secret"), "signature"},
		{"other algorithm", harness.SignWith(map[string]any{"alg": "HS512"}, harness.Claims("teacher-token"), harness.Secret), "algorithm"},
		{"no algorithm", harness.SignWith(map[string]any{"alg": "none"}, harness.Claims("teacher-token"), harness.Secret), "algorithm"},
		{"audience", tokenWith(map[string]any{"aud": "others"}), "audience"},
		{"issuer", tokenWith(map[string]any{"iss": "others"}), "issuer"},
		{"from the future", tokenWith(map[string]any{"nbf": now.Add(time.Minute).Unix()}), "not_yet_valid"},
		{"issued in the future", tokenWith(map[string]any{"iat": now.Add(time.Minute).Unix()}), "not_yet_valid"},
		{"refresh token", tokenWith(map[string]any{"typ": "refresh"}), "refresh_token"},
		{"no token at all", "not-a-token", "malformed"},
		{"exp as text", tokenWith(map[string]any{"exp": "tomorrow"}), "malformed"},
		{"padded", harness.Token("teacher-token") + "=", "malformed"},
		{"unknown crit", harness.SignWith(map[string]any{"alg": "HS256", "crit": []string{"x"}, "x": 1}, harness.Claims("teacher-token"), harness.Secret), "malformed"},
		{"size", tokenWith(map[string]any{"note": strings.Repeat("x", 8<<10)}), "size"},
		{"long sub", tokenWith(map[string]any{"sub": strings.Repeat("u", 256)}), "subject"},
		{"control character in sub", tokenWith(map[string]any{"sub": "a\nb"}), "subject"},
		{"brace before sub", tokenWith(map[string]any{"sub": "}a"}), "subject"},
	} {
		rows = append(rows, refusal{r.name, r.token, invalid, "jwt_invalid", r.cause})
	}
	for i, r := range rows {
		if r.cause != "" {
			rows[i].authorization = "Bearer " + r.authorization
		}
	}
	return rows
}
