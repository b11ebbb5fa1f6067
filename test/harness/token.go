package harness

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// Secret is the key that signs the tokens of tests. It is the setting JWT_SECRET_KEY.
const Secret = "test-0123456789-0123456789-0123456789"

// Claims returns the claims of a valid token of the user, which expires after one hour.
func Claims(user string) map[string]any {
	now := time.Now()
	return map[string]any{
		"sub": user, "aud": "huleedu-platform", "iss": "huleedu-identity-service",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Token returns a valid token of the user.
func Token(user string) string { return Sign(Claims(user)) }

// Sign returns a token with these claims and a valid signature.
func Sign(claims map[string]any) string {
	return SignWith(map[string]any{"alg": "HS256", "typ": "JWT"}, claims, Secret)
}

// SignWith returns a token that is signed with HMAC-SHA256, whatever its header says. No library
// signs such invalid tokens.
func SignWith(header, claims map[string]any, key string) string {
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err) // cannot happen: the values are plain
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(header) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
