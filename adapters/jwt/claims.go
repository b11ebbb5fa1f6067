package jwt

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/huleedu/edge/domain"
)

// judge decides over the claims of a token whose signature holds. The order is
// fixed, so that a token with several faults always gets the same answer:
// form, expiry, not-before, issuer, audience, kind, subject.
func (c Config) judge(payload []byte, now time.Time) (domain.Caller, error) {
	claims, err := readObject(payload)
	if err != nil {
		return domain.Caller{}, malformed().Because(err)
	}
	for _, name := range []string{"sub", "iss", "aud", "typ"} {
		if hasLoneSurrogate(claims[name]) {
			return domain.Caller{}, malformed().Because(errLoneSurrogate)
		}
	}
	org, err := c.organisation(claims)
	if err != nil {
		return domain.Caller{}, err
	}
	expires, err := c.lifetime(claims, now)
	if err != nil {
		return domain.Caller{}, err
	}
	if err := c.purpose(claims); err != nil {
		return domain.Caller{}, err
	}
	user, err := subject(claims)
	if err != nil {
		return domain.Caller{}, err
	}
	return domain.Caller{User: user, Org: org, Expires: expires}, nil
}

// lifetime checks "exp", "nbf" and "iat" and returns the first.
func (c Config) lifetime(claims object, now time.Time) (time.Time, error) {
	expires, present, expErr := claims.instant("exp")
	notBefore, _, nbfErr := claims.instant("nbf")
	issued, _, iatErr := claims.instant("iat")
	latest := now.Add(c.Leeway)
	switch {
	case expErr != nil || nbfErr != nil || iatErr != nil:
		return time.Time{}, malformed().Because(errors.Join(expErr, nbfErr, iatErr))
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

// purpose checks for whom, by whom and as what the token was made.
func (c Config) purpose(claims object) error {
	if c.Issuer != "" {
		if issuer, isText := claims.text("iss"); !isText || issuer != c.Issuer {
			return domain.TokenInvalid("issuer")
		}
	}
	if c.Audience != "" && !meant(claims, c.Audience) {
		return domain.TokenInvalid("audience")
	}
	if kind, _ := claims.text("typ"); strings.EqualFold(kind, "refresh") {
		return domain.TokenInvalid("refresh_token")
	}
	return nil
}

// meant reports whether "aud", a string or a list, names the audience.
func meant(claims object, audience string) bool {
	if one, isText := claims.text("aud"); isText {
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

func subject(claims object) (domain.UserID, error) {
	text, _ := claims.text("sub")
	user, err := domain.ParseUserID(strings.Clone(text))
	switch {
	case errors.Is(err, domain.ErrNoUser):
		return "", domain.TokenWithoutSubject()
	case err != nil:
		return "", domain.TokenInvalid("subject").Because(err)
	default:
		return user, nil
	}
}

// organisation is the first of the configured claims that can name one. A name
// with control characters cannot: it could not be sent on in a header. A claim with
// a lone surrogate makes the token malformed: it could pass for another name.
func (c Config) organisation(claims object) (string, error) {
	for _, name := range c.OrgClaims {
		org, isText := claims.text(name)
		if isText && hasLoneSurrogate(claims[name]) {
			return "", malformed().Because(errLoneSurrogate)
		}
		org = strings.TrimSpace(org)
		if org != "" && !strings.ContainsFunc(org, unicode.IsControl) {
			return strings.Clone(org), nil
		}
	}
	return "", nil
}
