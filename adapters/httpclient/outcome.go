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
	j := &outcomeReport{callback: report}
	j.mu.Lock() // the timer may fire before it is kept
	defer j.mu.Unlock()
	switch {
	case probe && body:
		j.timer = time.AfterFunc(probeBodyTimeout, func() { j.report(errInconclusive) })
	case probe:
		j.timer = time.AfterFunc(probeResponseTimeout, func() { j.report(errUnhealthy) })
	}
	return j
}

// requestSent starts the timeout of a probe's response.
func (j *outcomeReport) requestSent() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reported || j.timer == nil || !j.timer.Stop() {
		return
	}
	j.timer = time.AfterFunc(probeResponseTimeout, func() { j.report(errUnhealthy) })
}

// report reports to the circuit. Only the first call has an effect.
func (j *outcomeReport) report(verdict error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reported {
		return
	}
	j.reported = true
	if j.timer != nil {
		j.timer.Stop()
	}
	j.callback(verdict)
}
