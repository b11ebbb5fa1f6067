package diagnose

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
)

// TokenVerdict is what the services say about a token.
type TokenVerdict struct {
	Accepted bool           `json:"accepted"`
	User     string         `json:"user,omitempty"`
	Org      string         `json:"org,omitempty"`
	Expires  string         `json:"expires,omitempty"`
	Code     domain.Code    `json:"code,omitempty"`
	Message  string         `json:"message,omitempty"`
	Details  map[string]any `json:"details,omitempty"`
	Advice   string         `json:"advice,omitempty"`
	// Header and Claims are what the token contains. Nothing has verified them if the token
	// is refused.
	Header map[string]any `json:"header,omitempty"`
	Claims map[string]any `json:"claims,omitempty"`
}

// Token returns what services with these settings say about a token. It waits for a key set. It
// returns an error for settings that cannot be used.
func Token(ctx context.Context, c jwt.Config, token string) (verdict TokenVerdict, err error) {
	verdict.Header, verdict.Claims = tokenPart(token, 0), tokenPart(token, 1)
	err = withValidator(ctx, c, func(v *jwt.Validator, _ domain.Health) error {
		caller, refusal := v.Validate(ctx, token)
		if refusal == nil {
			verdict.Accepted, verdict.User, verdict.Org = true, string(caller.User), caller.Org
			verdict.Expires = caller.Expires.UTC().Format(time.RFC3339)
			return nil
		}
		e := domain.As(refusal)
		verdict.Code, verdict.Message, verdict.Details, verdict.Advice = e.Code, e.Message, e.PublicDetails(), tokenAdvice(c, e)
		return nil
	})
	return verdict, err
}

// tokenPart decodes one part of a token without verifying it; nil if it is not a JSON object.
func tokenPart(token string, index int) (members map[string]any) {
	parts := strings.Split(token, ".")
	if index >= len(parts) {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[index])
	if err != nil || json.Unmarshal(raw, &members) != nil {
		return nil
	}
	return members
}

// tokenAdvice says what to do about a refused token.
func tokenAdvice(c jwt.Config, e *domain.Error) string {
	switch e.Reason {
	case domain.ReasonExpired:
		return "Get a new token, or compare the clocks: \"edge doctor\" does."
	case domain.ReasonNotYetValid:
		return "Its nbf or iat is in the future. Compare the clocks of the issuer and of the services."
	case domain.ReasonSignature:
		return "It was signed with another key. Compare JWT_SECRET_KEY, or the public key, with that of the issuer."
	case domain.ReasonAlgorithm:
		return fmt.Sprintf("The services accept only %s (JWT_ALGORITHM).", c.Algorithm)
	case domain.ReasonAudience:
		return fmt.Sprintf("The services require the audience %q (JWT_AUDIENCE).", c.Audience)
	case domain.ReasonIssuer:
		return fmt.Sprintf("The services require the issuer %q (JWT_ISSUER).", c.Issuer)
	case domain.ReasonKey:
		return "The key set does not contain its kid. Look whether the issuer publishes that key at JWT_JWKS_URL."
	case domain.ReasonRefreshToken:
		return "It is a refresh token. Send the access token."
	case domain.ReasonNoExpiry, domain.ReasonNoSubject, domain.ReasonSubject:
		return "The issuer must set the claims exp and sub; sub has 1 to 255 characters."
	}
	if e.Code != domain.AuthenticationError {
		return "The keys cannot be loaded from JWT_JWKS_URL: the services answer 503. \"edge doctor\" says more."
	}
	return "It is not a JWT in the compact form: three parts in base64url without padding, separated by dots."
}
