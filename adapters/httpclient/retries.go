package httpclient

import "sync/atomic"

const (
	// callsPerRetry is how many calls earn one retry: a service in trouble gets
	// at most a tenth more of them.
	callsPerRetry = 10
	// savedRetries bounds what is saved up, and is there at the start.
	savedRetries = 10
)

// retries is what may still be repeated, in tenths of a retry.
type retries struct{ saved atomic.Int64 }

func newRetries() *retries {
	r := &retries{}
	r.saved.Store(savedRetries * callsPerRetry)
	return r
}

// earn counts a call.
func (r *retries) earn() {
	if r.saved.Load() < savedRetries*callsPerRetry { // a few too many do no harm
		r.saved.Add(1)
	}
}

// spend takes one retry, if there is one.
func (r *retries) spend() bool {
	for {
		saved := r.saved.Load()
		if saved < callsPerRetry {
			return false
		}
		if r.saved.CompareAndSwap(saved, saved-callsPerRetry) {
			return true
		}
	}
}
