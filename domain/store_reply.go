package domain

// StoreReply is an error reply of a store, with a text that is safe for logs and for
// headers of dead letters: limited in length, without addresses, credentials or
// arguments.
type StoreReply struct {
	// Text is the reply without its private parts.
	Text string
	// Err is the original error. It may contain private data; use it only with
	// errors.Is and errors.As.
	Err error
}

// Error returns Text.
func (r *StoreReply) Error() string { return r.Text }

// Unwrap returns the original error.
func (r *StoreReply) Unwrap() error { return r.Err }
