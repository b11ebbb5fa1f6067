package domain

// An AUTHENTICATION_ERROR has one of these reasons. All but the first five are defects of a token,
// for TokenInvalid.
const (
	// ReasonNoCredentials is the reason of an error for a request without a token.
	ReasonNoCredentials Reason = "no_credentials"
	// ReasonMalformedCredentials is the reason of an error for an Authorization header that is not "Bearer" and one word.
	ReasonMalformedCredentials Reason = "malformed_credentials"
	// ReasonOperatorToken is the reason of an error for another token than ADMIN_TOKEN.
	ReasonOperatorToken Reason = "operator_token"
	// ReasonExpired is the reason of an error for a token past its "exp".
	ReasonExpired Reason = "expired"
	// ReasonNoExpiry is the reason of an error for a token without "exp".
	ReasonNoExpiry Reason = "expiration"
	// ReasonNoSubject is the reason of an error for a token without a usable "sub".
	ReasonNoSubject Reason = "no_subject"

	// ReasonSignature is the reason of an error for a signature that does not match.
	ReasonSignature Reason = "signature"
	// ReasonAlgorithm is the reason of an error for another "alg" than the configured one.
	ReasonAlgorithm Reason = "algorithm"
	// ReasonAudience is the reason of an error for another "aud".
	ReasonAudience Reason = "audience"
	// ReasonIssuer is the reason of an error for another "iss".
	ReasonIssuer Reason = "issuer"
	// ReasonNotYetValid is the reason of an error for an "nbf" or "iat" in the future.
	ReasonNotYetValid Reason = "not_yet_valid"
	// ReasonKey is the reason of an error for an unknown or withdrawn key.
	ReasonKey Reason = "key"
	// ReasonRefreshToken is the reason of an error for a refresh token, which is not valid for requests.
	ReasonRefreshToken Reason = "refresh_token"
	// ReasonMalformed is the reason of an error for a token that cannot be parsed.
	ReasonMalformed Reason = "malformed"
	// ReasonSize is the reason of an error for a token over the size limit.
	ReasonSize Reason = "size"
	// ReasonSubject is the reason of an error for a token whose "sub" is not a valid user id, or
	// is another user than the one of the connection.
	ReasonSubject Reason = "subject"
)

// NotAuthenticated returns the error of a request without credentials.
func NotAuthenticated() *Error { return authenticationError("Not authenticated", ReasonNoCredentials) }

// MalformedCredentials returns the error of a request whose credentials are not exactly
// one bearer token.
func MalformedCredentials() *Error {
	return authenticationError("Invalid authentication format", ReasonMalformedCredentials)
}

// TokenExpired returns the error of a token past its "exp".
func TokenExpired() *Error { return authenticationError("Token has expired", ReasonExpired) }

// TokenWithoutExpiry returns the error of a token without "exp".
func TokenWithoutExpiry() *Error {
	return authenticationError("Token missing expiration claim", ReasonNoExpiry)
}

// TokenWithoutSubject returns the error of a token without a usable "sub".
func TokenWithoutSubject() *Error {
	return authenticationError("Invalid token payload: missing subject", ReasonNoSubject)
}

// TokenInvalid returns the error of a token with another defect.
func TokenInvalid(defect Reason) *Error { return authenticationError("Invalid token", defect) }

// OperatorTokenInvalid returns the error of an operator's request with a wrong token.
func OperatorTokenInvalid() *Error { return authenticationError("Invalid token", ReasonOperatorToken) }

func authenticationError(message string, reason Reason) *Error {
	return &Error{Code: AuthenticationError, Message: message, Reason: reason}
}

// TokenDetails returns the details "reason" and "cause" of an AUTHENTICATION_ERROR, in the words of
// the wire contract. An error without a token has no cause; another error has neither.
func (e *Error) TokenDetails() (reason, cause string) {
	if e.Code != AuthenticationError {
		return "", ""
	}
	switch e.Reason {
	case "":
		return "", ""
	case ReasonNoCredentials:
		return "missing_authorization_header", ""
	case ReasonMalformedCredentials:
		return "invalid_authorization_format", ""
	case ReasonOperatorToken:
		return string(e.Reason), ""
	case ReasonExpired:
		return "jwt_expired", "expired"
	case ReasonNoExpiry:
		return "missing_exp", "expiration"
	case ReasonNoSubject:
		return "missing_subject", "subject"
	default:
		return "jwt_invalid", string(e.Reason)
	}
}
