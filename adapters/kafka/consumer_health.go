package kafka

import (
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// lagLimit is how old the record in hand may be before the consumer says so.
	lagLimit = 15 * time.Second
	// statusTTL is how long a note on a partition counts. Trouble renews its
	// note with every attempt; that it is over, nothing tells while there are
	// no records.
	statusTTL = 20 * time.Second
)

// consumerHealth is the health of a consumer. It reports changes to the observer.
type consumerHealth struct {
	observer ports.Observer

	mu         sync.Mutex
	member     bool
	err        error
	partitions map[int]partitionHealth
	// reported is what the observer knows.
	reported domain.ConsumerDegraded
}

// newConsumerHealth returns that of a consumer which holds nothing yet.
func newConsumerHealth(o ports.Observer) *consumerHealth {
	s := &consumerHealth{observer: o, reported: domain.ConsumerDegraded{Degraded: true}}
	o.Observe(s.reported)
	return s
}

// partitionHealth is one partition that this process holds.
type partitionHealth struct {
	// written is when the record in hand was written; zero when there is none
	// to wait for.
	written time.Time
	// err is why nothing moves.
	err error
	// at is when this was noted.
	at time.Time
}

// setUnassigned notes that the process holds nothing, and why; nil when it is only
// between two assignments.
func (s *consumerHealth) setUnassigned(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member, s.err, s.partitions = false, err, nil
	s.notify(time.Now())
}

// setAssigned notes the assignment of partitions.
func (s *consumerHealth) setAssigned() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member, s.err, s.partitions = true, nil, map[int]partitionHealth{}
	s.notify(time.Now())
}

// refresh tells what time did to the notes on the partitions.
func (s *consumerHealth) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify(time.Now())
}

// notify lets the observer know of a change. Lag is none: it has a metric of its
// own, and what is behind moves. The caller holds the lock.
func (s *consumerHealth) notify(now time.Time) {
	note, _ := s.problem(now)
	if fact := (domain.ConsumerDegraded{Degraded: note != ""}); fact != s.reported {
		s.reported = fact
		s.observer.Observe(fact)
	}
}

// update keeps a partition's state, unless the assignment has ended.
func (s *consumerHealth) update(partition int, p partitionHealth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.member {
		return
	}
	p.at = time.Now()
	turned := (p.err == nil) != (s.partitions[partition].err == nil)
	s.partitions[partition] = p
	if turned {
		s.notify(p.at)
	}
}

// health puts the state in public words; the worst comes first.
func (s *consumerHealth) health(now time.Time) domain.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := domain.Health{Name: "kafka", Condition: domain.Healthy}
	if h.Note, h.Err = s.problem(now); h.Note != "" {
		h.Condition = domain.Degraded
		return h
	}
	if behind := s.lag(now); behind > lagLimit {
		h.Condition, h.Note = domain.Degraded, fmt.Sprintf("Notifications are %d seconds behind", int(behind.Seconds()))
	}
	return h
}

// problem is what keeps notifications on Kafka, in public words, with its
// cause; empty when nothing does. The caller holds the lock.
func (s *consumerHealth) problem(now time.Time) (note string, err error) {
	switch {
	case !s.member && errors.Is(s.err, kafkago.UnknownTopicOrPartition):
		return "The notification topic does not exist yet", s.err
	case !s.member:
		return "Not connected to Kafka; notifications wait there", s.err
	}
	for _, p := range s.partitions {
		if p.err == nil || now.Sub(p.at) > statusTTL {
			continue
		}
		note, err = "Notifications cannot be taken from Kafka; trying again", p.err
		if v, _ := classify(domain.CodeOf(p.err)); isFailure(p.err) && v == checkControl {
			return "A notification fails with an unknown error; its partition waits", p.err
		}
	}
	return note, err
}

// isFailure reports whether the error is one of the application, not of a library.
func isFailure(err error) bool {
	_, is := errors.AsType[*domain.Error](err)
	return is
}

// lag is how old the oldest record in hand is. The caller holds the lock.
func (s *consumerHealth) lag(now time.Time) (age time.Duration) {
	for _, p := range s.partitions {
		if !p.written.IsZero() && now.Sub(p.at) <= statusTTL {
			age = max(age, now.Sub(p.written))
		}
	}
	return age
}
