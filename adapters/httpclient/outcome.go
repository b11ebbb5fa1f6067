package httpclient

import (
	"sync"
	"time"
)

const (
	// probeBodyTimeout bounds the time in which a probe's request body arrives. A slower
	// request releases its probe slot to another one.
	probeBodyTimeout = time.Second
	// probeResponseTimeout bounds the response of a service to a probe.
	probeResponseTimeout = 10 * time.Second
)

// outcomeReport reports the outcome of an exchange to the circuit once. In a half-open circuit
// it does so within a deadline, although the exchange itself may take longer.
type outcomeReport struct {
	mu       sync.Mutex
	callback func(error)
	reported bool
	timer    *time.Timer
}

// newOutcomeReport returns the report of an admitted call. A call with a body calls
// requestSent at the end of its body.
func newOutcomeReport(report func(error), probe, body bool) *outcomeReport {
	r := &outcomeReport{callback: report}
	r.mu.Lock() // the timer may fire before it is stored
	defer r.mu.Unlock()
	switch {
	case probe && body:
		r.timer = time.AfterFunc(probeBodyTimeout, func() { r.report(errInconclusive) })
	case probe:
		r.timer = time.AfterFunc(probeResponseTimeout, func() { r.report(errUnhealthy) })
	}
	return r
}

// requestSent starts the timeout of a probe's response.
func (r *outcomeReport) requestSent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reported || r.timer == nil || !r.timer.Stop() {
		return
	}
	r.timer = time.AfterFunc(probeResponseTimeout, func() { r.report(errUnhealthy) })
}

// report reports to the circuit. Only the first call has an effect.
func (r *outcomeReport) report(outcome error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reported {
		return
	}
	r.reported = true
	if r.timer != nil {
		r.timer.Stop()
	}
	r.callback(outcome)
}
