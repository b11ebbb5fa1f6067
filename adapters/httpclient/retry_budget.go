package httpclient

import "sync/atomic"

const (
	// callsPerRetry is how many calls earn one retry: a service in trouble gets
	// at most a tenth more of them.
	callsPerRetry = 10
	// maxSavedRetries bounds what is saved up, and is there at the start.
	maxSavedRetries = 10
)

// retryBudget limits retries to a share of the calls. It counts in tenths of a retry.
type retryBudget struct{ tokens atomic.Int64 }

func newRetryBudget() *retryBudget {
	r := &retryBudget{}
	r.tokens.Store(maxSavedRetries * callsPerRetry)
	return r
}

// deposit adds the share of one call.
func (r *retryBudget) deposit() {
	if r.tokens.Load() < maxSavedRetries*callsPerRetry { // a few too many do no harm
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
