package httpclient

import (
	"sync"
	"time"
)

const (
	// probeBody is how long the body of a request that tries a service out may
	// take to come in. A slower one gives its place to another request.
	probeBody = time.Second
	// probeAnswer is how long a service that is tried out may take to answer.
	probeAnswer = 10 * time.Second
)

// judgement tells the circuit, once, what an exchange shows of its service. In a
// half-open circuit it does so in time: the exchange itself may take longer.
type judgement struct {
	mu     sync.Mutex
	report func(error)
	told   bool
	timer  *time.Timer
}

// judging returns the judgement of a call that was let through. A call with a body
// tells by sent when that has ended.
func judging(report func(error), probe, body bool) *judgement {
	j := &judgement{report: report}
	j.mu.Lock() // the timer may fire before it is kept
	defer j.mu.Unlock()
	switch {
	case probe && body:
		j.timer = time.AfterFunc(probeBody, func() { j.tell(errUntold) })
	case probe:
		j.timer = time.AfterFunc(probeAnswer, func() { j.tell(errSick) })
	}
	return j
}

// sent begins the time that a probe's answer may take.
func (j *judgement) sent() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.told || j.timer == nil || !j.timer.Stop() {
		return
	}
	j.timer = time.AfterFunc(probeAnswer, func() { j.tell(errSick) })
}

// tell reports to the circuit; only the first call counts.
func (j *judgement) tell(verdict error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.told {
		return
	}
	j.told = true
	if j.timer != nil {
		j.timer.Stop()
	}
	j.report(verdict)
}
