package domain

import "strings"

// NotAuthenticated is a request without credentials.
func NotAuthenticated() *Error {
	return authenticationError("Not authenticated", "missing_authorization_header", "")
}

// TokenExpired is a token past its "exp".
func TokenExpired() *Error { return authenticationError("Token has expired", "jwt_expired", "expired") }

// TokenWithoutExpiry is a token that would hold for ever.
func TokenWithoutExpiry() *Error {
	return authenticationError("Token missing expiration claim", "missing_exp", "expiration")
}

// TokenWithoutSubject is a token that names nobody.
func TokenWithoutSubject() *Error {
	return authenticationError("Invalid token payload: missing subject", "missing_subject", "subject")
}

// TokenInvalid is any other token that proves nothing. cause is one of the
// contract's words: signature, algorithm, audience, issuer, not_yet_valid, key,
// refresh_token, malformed, size, subject.
func TokenInvalid(cause string) *Error { return authenticationError("Invalid token", "jwt_invalid", cause) }

// BearerToken takes the token out of an Authorization header (RFC 6750 section
// 2.1). The scheme's case does not matter; nothing, or more than one word,
// behind it is a wrong format.
func BearerToken(header string) (string, error) {
	if strings.TrimSpace(header) == "" {
		return "", NotAuthenticated()
	}
	words := strings.Fields(header)
	if len(words) != 2 || !strings.EqualFold(words[0], "bearer") {
		return "", authenticationError("Invalid authentication format", "invalid_authorization_format", "")
	}
	return words[1], nil
}

func authenticationError(message, reason, cause string) *Error {
	d := map[string]any{"reason": reason}
	if cause != "" {
		d["cause"] = cause
	}
	return &Error{Code: AuthenticationError, Message: message, Details: d}
}
