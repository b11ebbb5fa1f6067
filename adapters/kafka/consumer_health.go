package kafka

import (
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// lagLimit is the maximum age of the current record of a healthy consumer.
	lagLimit = 15 * time.Second
	// statusTTL is how long the state of a partition counts. Each failed attempt renews it.
	// Without records there is no event at the end of a failure, so the state expires.
	statusTTL = 20 * time.Second
)

// consumerHealth is the health of a consumer. It reports changes to the observer. It is safe
// for concurrent use.
type consumerHealth struct {
	observer ports.Observer
	// state logs and counts whether Kafka works; nil in tests of the health alone.
	state *dependency.Tracker

	mu sync.Mutex
	// member is set while the process has an assignment.
	member bool
	// err is the reason why there is no assignment.
	err        error
	partitions map[int]partitionHealth
	// commitError is the error of the last commit.
	commitError error
	// reported is the last fact that the observer received.
	reported domain.ConsumerDegraded
}

// newConsumerHealth returns the health of a consumer without an assignment.
func newConsumerHealth(o ports.Observer) *consumerHealth {
	h := &consumerHealth{observer: o, reported: domain.ConsumerDegraded{Degraded: true}}
	o.Observe(h.reported)
	return h
}

// partitionHealth is the state of one assigned partition.
type partitionHealth struct {
	// written is when the current record was written. It is zero if there is no current
	// record or its time is unknown.
	written time.Time
	// err is the error of the last attempt to read or process a record.
	err error
	// at is the time of this state.
	at time.Time
}

// setUnassigned records that the process has no assignment, and why. err is nil between two
// assignments.
func (h *consumerHealth) setUnassigned(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.member, h.err, h.partitions, h.commitError = false, err, nil, nil
	h.notify(time.Now())
}

// setAssigned records a new assignment.
func (h *consumerHealth) setAssigned() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.member, h.err, h.partitions, h.commitError = true, nil, map[int]partitionHealth{}, nil
	h.notify(time.Now())
}

// setCommit records the result of a commit.
func (h *consumerHealth) setCommit(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed := (err == nil) != (h.commitError == nil)
	if h.commitError = err; changed && h.member {
		h.notify(time.Now())
	}
}

// refresh reports a change that is due to expired states.
func (h *consumerHealth) refresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notify(time.Now())
}

// notify reports a change between healthy and degraded to the observer. Lag does not count as
// degraded here: it has its own metric. The caller must hold the lock.
func (h *consumerHealth) notify(now time.Time) {
	note, _ := h.problem(now)
	if fact := (domain.ConsumerDegraded{Degraded: note != ""}); fact != h.reported {
		h.reported = fact
		h.observer.Observe(fact)
	}
	if err := h.kafkaError(now); err != nil || h.member {
		h.state.Report(err)
	}
}

// kafkaError returns the reason why Kafka does not work for this process, or nil. Failures of
// the application, such as those of Redis, and rebalances of the group do not count. The
// caller must hold the lock.
func (h *consumerHealth) kafkaError(now time.Time) error {
	if !h.member && h.err != nil {
		return ignoreRebalance(h.err)
	}
	for _, p := range h.partitions {
		if p.err != nil && now.Sub(p.at) <= statusTTL && !isApplicationError(p.err) {
			return p.err
		}
	}
	return ignoreRebalance(h.commitError)
}

// ignoreRebalance returns nil for an error code by which a working group tells a member to
// join again.
func ignoreRebalance(err error) error {
	for _, code := range []kafkago.Error{kafkago.RebalanceInProgress, kafkago.IllegalGeneration, kafkago.UnknownMemberId} {
		if errors.Is(err, code) {
			return nil
		}
	}
	return err
}

// update records the state of a partition. It does nothing after the end of the assignment.
func (h *consumerHealth) update(partition int, p partitionHealth) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.member {
		return
	}
	p.at = time.Now()
	changed := (p.err == nil) != (h.partitions[partition].err == nil)
	h.partitions[partition] = p
	if changed {
		h.notify(p.at)
	}
}

// health returns the state of the consumer for the health response.
func (h *consumerHealth) health(now time.Time) domain.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := domain.Health{Name: dependencyName, Condition: domain.Healthy}
	out.Note, out.Err = h.problem(now)
	if lag := h.lag(now); out.Note == "" && lag > lagLimit {
		out.Note = fmt.Sprintf("Notifications are %d seconds behind", int(lag.Seconds()))
	}
	if out.Note != "" {
		out.Condition = domain.Degraded
	}
	return out
}

// problem returns a public description of the worst current problem, with its cause. The
// description is empty if there is no problem. The caller must hold the lock.
func (h *consumerHealth) problem(now time.Time) (note string, err error) {
	switch {
	case !h.member && errors.Is(h.err, kafkago.UnknownTopicOrPartition):
		return "The notification topic does not exist yet", h.err
	case !h.member:
		return "Not connected to Kafka; notifications wait there", h.err
	}
	for _, p := range h.partitions {
		if p.err == nil || now.Sub(p.at) > statusTTL {
			continue
		}
		note, err = "Notifications cannot be taken from Kafka; trying again", p.err
		if isApplicationError(p.err) && classify(domain.CodeOf(p.err)) == checkControl {
			return "A notification fails with an unknown error; its partition waits", p.err
		}
	}
	return note, err
}

// isApplicationError returns true for an error of the application, and false for one of the
// Kafka library.
func isApplicationError(err error) bool {
	_, ok := errors.AsType[*domain.Error](err)
	return ok
}

// lag returns the age of the oldest current record. The caller must hold the lock.
func (h *consumerHealth) lag(now time.Time) (age time.Duration) {
	for _, p := range h.partitions {
		if !p.written.IsZero() && now.Sub(p.at) <= statusTTL {
			age = max(age, now.Sub(p.written))
		}
	}
	return age
}
