package domain

import "strings"

// NotAuthenticated returns the error of a request without credentials.
func NotAuthenticated() *Error {
	return authenticationError("Not authenticated", "missing_authorization_header", "")
}

// TokenExpired returns the error of a token past its "exp".
func TokenExpired() *Error { return authenticationError("Token has expired", "jwt_expired", "expired") }

// TokenWithoutExpiry returns the error of a token without "exp".
func TokenWithoutExpiry() *Error {
	return authenticationError("Token missing expiration claim", "missing_exp", "expiration")
}

// TokenWithoutSubject returns the error of a token without a usable "sub".
func TokenWithoutSubject() *Error {
	return authenticationError("Invalid token payload: missing subject", "missing_subject", "subject")
}

// TokenInvalid returns the error of any other invalid token. cause is one of signature, algorithm, audience, issuer, not_yet_valid, key,
// refresh_token, malformed, size, subject.
func TokenInvalid(cause string) *Error {
	return authenticationError("Invalid token", "jwt_invalid", cause)
}

// BearerToken returns the token of an Authorization header (RFC 6750 section 2.1).
// The scheme is not case-sensitive. It returns an AUTHENTICATION_ERROR for an empty
// header, and when the scheme is not followed by exactly one word.
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
