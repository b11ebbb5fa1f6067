package domain

// IdempotencyKey names a request that its client may repeat. The client's own
// key belongs to one user and one path.
type IdempotencyKey struct {
	User UserID
	// Path is the request's path: the same client key on another batch is
	// another key.
	Path string
	// Key is what the client sent, 1-128 printable ASCII characters.
	Key string
}

// Claim is the answer to a request that asks to be the first of its key.
type Claim struct {
	// State says what the claimant should do.
	State ClaimState
	// Answer is the stored answer, for Answered.
	Answer []byte
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
