package jwt

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/huleedu/edge/domain"
)

// checkClaims checks the claims of a token with a valid signature. The order is fixed, so
// that a token with several faults always gets the same error: form, expiry, not-before,
// issuer, audience, type, subject.
func (c Config) checkClaims(payload []byte, now time.Time) (domain.Caller, error) {
	claims, err := parseMembers(payload)
	if err != nil {
		return domain.Caller{}, malformed().WithCause(err)
	}
	if slices.ContainsFunc([]string{"sub", "iss", "aud", "typ"}, claims.hasLoneSurrogate) {
		return domain.Caller{}, malformed().WithCause(errLoneSurrogate)
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
func (c Config) checkTimes(claims members, now time.Time) (time.Time, error) {
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
		return time.Time{}, domain.TokenInvalid(domain.ReasonNotYetValid)
	default:
		return expires, nil
	}
}

// checkIssuerAndAudience checks "iss" and "aud", and rejects refresh tokens.
func (c Config) checkIssuerAndAudience(claims members) error {
	if c.Issuer != "" {
		if issuer, isString := claims.text("iss"); !isString || issuer != c.Issuer {
			return domain.TokenInvalid(domain.ReasonIssuer)
		}
	}
	if c.Audience != "" && !hasAudience(claims, c.Audience) {
		return domain.TokenInvalid(domain.ReasonAudience)
	}
	if kind, _ := claims.text("typ"); strings.EqualFold(kind, "refresh") {
		return domain.TokenInvalid(domain.ReasonRefreshToken)
	}
	return nil
}

// hasAudience reports whether "aud", a string or a list, contains the audience.
func hasAudience(claims members, audience string) bool {
	if one, isString := claims.text("aud"); isString {
		return one == audience
	}
	var many []any
	if json.Unmarshal(claims["aud"], &many) != nil {
		return false
	}
	for _, one := range many {
		if one == audience {
			return true
		}
	}
	return false
}

func subject(claims members) (domain.UserID, error) {
	text, _ := claims.text("sub")
	user, err := domain.ParseUserID(text)
	switch {
	case errors.Is(err, domain.ErrEmptyUserID):
		return "", domain.TokenWithoutSubject()
	case err != nil:
		return "", domain.TokenInvalid(domain.ReasonSubject).WithCause(err)
	default:
		return user, nil
	}
}

// organisation returns the first valid value of the configured claims. It ignores a value
// with control characters, which cannot be sent in a header. A claim with a lone surrogate
// makes the token malformed, because it could equal another name after decoding.
func (c Config) organisation(claims members) (string, error) {
	for _, name := range c.OrgClaims {
		org, isString := claims.text(name)
		if isString && claims.hasLoneSurrogate(name) {
			return "", malformed().WithCause(errLoneSurrogate)
		}
		org = strings.TrimSpace(org)
		if org != "" && !strings.ContainsFunc(org, unicode.IsControl) {
			return org, nil
		}
	}
	return "", nil
}
