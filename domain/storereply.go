package domain

// StoreReply is an error that a store answered, in words that are fit for logs
// and for the headers of a dead letter: bounded, without addresses, credentials
// or arguments.
type StoreReply struct {
	// Text is the reply after everything private was removed.
	Text string
	// Err is the error as it was received. It may hold private words; use it only
	// with errors.Is and errors.As.
	Err error
}

// Error returns Text.
func (r *StoreReply) Error() string { return r.Text }

// Unwrap returns the error as it was received.
func (r *StoreReply) Unwrap() error { return r.Err }
