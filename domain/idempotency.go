package domain

import "time"

// IdempotencyKey names a request that its client may repeat. The client's own
// key belongs to one user and one path.
type IdempotencyKey struct {
	User UserID
	// Path is what was asked for, by route and ids: the same client key on
	// another batch is another key.
	Path string
	// Key is what the client sent, as ParseIdempotencyKey accepts it.
	Key string
}

// maxIdempotencyKey bounds a client's key, in bytes.
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

// KeyReused is a request whose key was used for another request.
func KeyReused() *Error {
	return &Error{
		Code: InvalidRequest, Kind: Conflict, Details: map[string]any{},
		Message: "Idempotency-Key was used for another request",
	}
}

// KeyBusy is a request whose key belongs to one that has not ended yet.
func KeyBusy(wait time.Duration) *Error {
	return &Error{
		Code: InvalidRequest, Kind: Conflict, Details: map[string]any{}, RetryAfter: wait,
		Message: "A request with this Idempotency-Key is still running",
	}
}

// Claim is the answer to a request that asks to be the first of its key.
type Claim struct {
	// State says what the claimant should do.
	State ClaimState
	// Answer is the stored answer, for Answered.
	Answer []byte
	// Ticket is the proof of a claim that was made, for Claimed; only the store
	// reads it.
	Ticket string
}

// ClaimState is what is known of a key.
type ClaimState uint8

// The states of a key. Claimed: the request is the first and owes a confirm or
// a release. Running: another request of the key has not ended. Answered: the
// same request has been answered. Mismatched: the key was used for another
// body.
const (
	Claimed ClaimState = iota
	Running
	Answered
	Mismatched
)
