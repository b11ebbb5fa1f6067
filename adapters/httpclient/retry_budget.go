package httpclient

import "sync/atomic"

const (
	// callsPerRetry is how many calls allow one retry: a failing service gets at most a tenth
	// more calls.
	callsPerRetry = 10
	// maxSavedRetries is the maximum number of saved retries, and their number at the start.
	maxSavedRetries = 10
)

// retryBudget limits retries to a share of the calls. Its tokens are tenths of a retry.
type retryBudget struct{ tokens atomic.Int64 }

func newRetryBudget() *retryBudget {
	r := &retryBudget{}
	r.tokens.Store(maxSavedRetries * callsPerRetry)
	return r
}

// deposit adds the share of one call.
func (r *retryBudget) deposit() {
	if r.tokens.Load() < maxSavedRetries*callsPerRetry { // concurrent calls may add a few too many
		r.tokens.Add(1)
	}
}

// withdraw takes one retry and reports whether there was one.
func (r *retryBudget) withdraw() bool {
	for {
		saved := r.tokens.Load()
		if saved < callsPerRetry {
			return false
		}
		if r.tokens.CompareAndSwap(saved, saved-callsPerRetry) {
			return true
		}
	}
}
