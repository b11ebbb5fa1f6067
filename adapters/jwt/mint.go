package jwt

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/huleedu/edge/domain"
)

// Claims are the claims of a development token.
type Claims struct {
	// User becomes "sub".
	User string
	// Org becomes the first of the configured organisation claims; empty leaves it out.
	Org string
	// Issued becomes "iat"; the zero time leaves it out.
	Issued time.Time
	// Expires becomes "exp", in whole seconds; the zero time leaves it out, so that every
	// validator refuses the token.
	Expires time.Time
	// Others replace all of the above.
	Others map[string]any
}

// Mint signs a development token that a validator with the same settings accepts. It
// supports only the HS algorithms, because this module never has a private key.
func Mint(c Config, claims Claims) (string, error) {
	if !c.symmetric() || isBlank(c.SecretKey.Reveal()) {
		return "", domain.Misconfigured("JWT_SECRET_KEY", "tokens can be made only with an HS algorithm and a secret")
	}
	payload, err := json.Marshal(c.members(claims))
	if err != nil {
		return "", domain.ParseFailure("claims", err)
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, "JWT"); err != nil {
		return "", domain.Unknown(err)
	}
	token, err := jws.Sign(payload, jws.WithKey(
		jwa.SignatureAlgorithm(c.Algorithm), []byte(c.SecretKey.Reveal()), jws.WithProtectedHeaders(header)))
	if err != nil {
		return "", domain.Unknown(err)
	}
	return string(token), nil
}

// members returns the claims with the names from the settings.
func (c Config) members(claims Claims) map[string]any {
	m := map[string]any{"sub": claims.User}
	if c.Audience != "" {
		m["aud"] = c.Audience
	}
	if c.Issuer != "" {
		m["iss"] = c.Issuer
	}
	if claims.Org != "" && len(c.OrgClaims) > 0 {
		m[c.OrgClaims[0]] = claims.Org
	}
	if !claims.Issued.IsZero() {
		m["iat"] = claims.Issued.Unix()
	}
	if !claims.Expires.IsZero() {
		m["exp"] = claims.Expires.Unix()
	}
	maps.Copy(m, claims.Others)
	return m
}
