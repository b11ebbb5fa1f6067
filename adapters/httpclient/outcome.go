package httpclient

import (
	"sync"
	"time"
)

const (
	// probeBodyTimeout is how long the body of a request that tries a service out may
	// take to come in. A slower one gives its place to another request.
	probeBodyTimeout = time.Second
	// probeResponseTimeout is how long a service that is tried out may take to answer.
	probeResponseTimeout = 10 * time.Second
)

// outcomeReport tells the circuit, once, what an exchange shows of its service. In a
// half-open circuit it does so in time: the exchange itself may take longer.
type outcomeReport struct {
	mu       sync.Mutex
	callback func(error)
	reported bool
	timer    *time.Timer
}

// newOutcomeReport returns the judgement of a call that was let through. A call with a body
// tells by sent when that has ended.
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

// requestSent begins the time that a probe's answer may take.
func (j *outcomeReport) requestSent() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.reported || j.timer == nil || !j.timer.Stop() {
		return
	}
	j.timer = time.AfterFunc(probeResponseTimeout, func() { j.report(errUnhealthy) })
}

// report reports to the circuit; only the first call counts.
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
