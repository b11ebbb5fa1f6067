package jwt

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/huleedu/edge/domain"
)

// checkClaims checks the claims of a token with a valid signature. The order is fixed, so
// that a token with several faults always gets the same error: form, expiry, not-before,
// issuer, audience, type, subject.
func (c Config) checkClaims(payload []byte, now time.Time) (domain.Caller, error) {
	claims, err := parseObject(payload)
	if err != nil {
		return domain.Caller{}, malformed().WithCause(err)
	}
	for _, name := range []string{"sub", "iss", "aud", "typ"} {
		if hasLoneSurrogate(claims[name]) {
			return domain.Caller{}, malformed().WithCause(errLoneSurrogate)
		}
	}
	org, err := c.organisation(claims)
	if err != nil {
		return domain.Caller{}, err
	}
	expires, err := c.checkTimes(claims, now)
	if err != nil {
		return domain.Caller{}, err
	}
	if err := c.checkIssuerAndAudience(claims); err != nil {
		return domain.Caller{}, err
	}
	user, err := subject(claims)
	if err != nil {
		return domain.Caller{}, err
	}
	return domain.Caller{User: user, Org: org, Expires: expires}, nil
}

// checkTimes checks "exp", "nbf" and "iat" and returns "exp".
func (c Config) checkTimes(claims jsonObject, now time.Time) (time.Time, error) {
	expires, present, expErr := claims.numericDate("exp")
	notBefore, _, nbfErr := claims.numericDate("nbf")
	issued, _, iatErr := claims.numericDate("iat")
	latest := now.Add(c.Leeway)
	switch {
	case expErr != nil || nbfErr != nil || iatErr != nil:
		return time.Time{}, malformed().WithCause(errors.Join(expErr, nbfErr, iatErr))
	case !present:
		return time.Time{}, domain.TokenWithoutExpiry()
	case !now.Before(expires):
		return time.Time{}, domain.TokenExpired()
	case notBefore.After(latest) || issued.After(latest):
		return time.Time{}, domain.TokenInvalid("not_yet_valid")
	default:
		return expires, nil
	}
}

// checkIssuerAndAudience checks "iss" and "aud", and rejects refresh tokens.
func (c Config) checkIssuerAndAudience(claims jsonObject) error {
	if c.Issuer != "" {
		if issuer, isText := claims.stringMember("iss"); !isText || issuer != c.Issuer {
			return domain.TokenInvalid("issuer")
		}
	}
	if c.Audience != "" && !hasAudience(claims, c.Audience) {
		return domain.TokenInvalid("audience")
	}
	if kind, _ := claims.stringMember("typ"); strings.EqualFold(kind, "refresh") {
		return domain.TokenInvalid("refresh_token")
	}
	return nil
}

// hasAudience reports whether "aud", a string or a list, contains the audience.
func hasAudience(claims jsonObject, audience string) bool {
	if one, isText := claims.stringMember("aud"); isText {
		return one == audience
	}
	var many []any
	if json.Unmarshal([]byte(claims["aud"]), &many) != nil {
		return false
	}
	for _, one := range many {
		if one == audience {
			return true
		}
	}
	return false
}

func subject(claims jsonObject) (domain.UserID, error) {
	text, _ := claims.stringMember("sub")
	user, err := domain.ParseUserID(strings.Clone(text))
	switch {
	case errors.Is(err, domain.ErrEmptyUserID):
		return "", domain.TokenWithoutSubject()
	case err != nil:
		return "", domain.TokenInvalid("subject").WithCause(err)
	default:
		return user, nil
	}
}

// organisation returns the first valid value of the configured claims. It ignores a value
// with control characters, which cannot be sent in a header. A claim with a lone surrogate
// makes the token malformed, because it could equal another name after decoding.
func (c Config) organisation(claims jsonObject) (string, error) {
	for _, name := range c.OrgClaims {
		org, isText := claims.stringMember(name)
		if isText && hasLoneSurrogate(claims[name]) {
			return "", malformed().WithCause(errLoneSurrogate)
		}
		org = strings.TrimSpace(org)
		if org != "" && !strings.ContainsFunc(org, unicode.IsControl) {
			return strings.Clone(org), nil
		}
	}
	return "", nil
}
