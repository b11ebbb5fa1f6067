package domain

import "time"

// IdempotencyKey identifies a request that the client may repeat. The client's key
// is scoped to one user and one path.
type IdempotencyKey struct {
	User UserID
	// Path is the route with its ids. The same client key on another batch is a
	// different key.
	Path string
	// Key is what the client sent, as ParseIdempotencyKey accepts it.
	Key string
}

// maxIdempotencyKey is the maximum length of a client's key, in bytes.
const maxIdempotencyKey = 128

// ParseIdempotencyKey accepts 1-128 printable ASCII characters, spaces
// included. It returns a VALIDATION_ERROR for anything else.
func ParseIdempotencyKey(s string) (string, error) {
	good := s != "" && len(s) <= maxIdempotencyKey
	for i := 0; good && i < len(s); i++ {
		good = s[i] >= ' ' && s[i] <= '~'
	}
	if !good {
		return "", Invalid("Idempotency-Key", "", "1-128 printable ASCII characters", "Invalid Idempotency-Key")
	}
	return s, nil
}

// IdempotencyKeyReused returns the error of a request whose key was used with another body.
func IdempotencyKeyReused() *Error {
	return &Error{
		Code: InvalidRequest, Reason: ReasonKeyReused,
		Message: "Idempotency-Key was used for another request",
	}
}

// IdempotencyKeyInUse returns the error of a request whose key belongs to a request in progress.
func IdempotencyKeyInUse(wait time.Duration) *Error {
	return &Error{
		Code: InvalidRequest, Reason: ReasonKeyInUse, RetryAfter: wait,
		Message: "A request with this Idempotency-Key is still running",
	}
}

// Claim is the result of claiming an idempotency key.
type Claim struct {
	// State is the state of the key.
	State ClaimState
	// Response is the stored response, for state Completed.
	Response []byte
	// Ticket proves the claim, for state Claimed. Only the store interprets it.
	Ticket string
}

// ClaimState is the state of an idempotency key.
type ClaimState uint8

const (
	// Claimed is the state of a key whose first request is this one. The caller must confirm or
	// release the key.
	Claimed ClaimState = iota
	// Running is the state of a key whose first request is in progress.
	Running
	// Completed is the state of a key with a stored response, which answers this request.
	Completed
	// Mismatched is the state of a key that was used for a request with another body.
	Mismatched
)
