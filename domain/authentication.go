package domain

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

// MalformedCredentials returns the error of a request whose credentials are not exactly
// one bearer token.
func MalformedCredentials() *Error {
	return authenticationError("Invalid authentication format", "invalid_authorization_format", "")
}

func authenticationError(message, reason, cause string) *Error {
	d := map[string]any{"reason": reason}
	if cause != "" {
		d["cause"] = cause
	}
	return &Error{Code: AuthenticationError, Message: message, Details: d}
}
