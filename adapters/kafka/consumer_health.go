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
	// noteLife is how long a note on a partition counts. Trouble renews its
	// note with every attempt; that it is over, nothing tells while there are
	// no records.
	noteLife = 20 * time.Second
)

// standing is how the consumer does, as its health answers and a fact tell.
type standing struct {
	observer ports.Observer

	mu     sync.Mutex
	member bool
	err    error
	parts  map[int]part
	// told is what the observer knows.
	told domain.ConsumerDegraded
}

// newStanding returns that of a consumer which holds nothing yet.
func newStanding(o ports.Observer) *standing {
	s := &standing{observer: o, told: domain.ConsumerDegraded{Degraded: true}}
	o.Observe(s.told)
	return s
}

// part is one partition that this process holds.
type part struct {
	// written is when the record in hand was written; zero when there is none
	// to wait for.
	written time.Time
	// err is why nothing moves.
	err error
	// at is when this was noted.
	at time.Time
}

// left notes that the process holds nothing, and why; nil when it is only
// between two assignments.
func (s *standing) left(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member, s.err, s.parts = false, err, nil
	s.tell(time.Now())
}

// joined notes the assignment of partitions.
func (s *standing) joined() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member, s.err, s.parts = true, nil, map[int]part{}
	s.tell(time.Now())
}

// review tells what time did to the notes on the partitions.
func (s *standing) review() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(time.Now())
}

// tell lets the observer know of a change. Lag is none: it has a metric of its
// own, and what is behind moves. The caller holds the lock.
func (s *standing) tell(now time.Time) {
	note, _ := s.trouble(now)
	if fact := (domain.ConsumerDegraded{Degraded: note != ""}); fact != s.told {
		s.told = fact
		s.observer.Observe(fact)
	}
}

// note keeps a partition's state, unless the assignment has ended.
func (s *standing) note(partition int, p part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.member {
		return
	}
	p.at = time.Now()
	turned := (p.err == nil) != (s.parts[partition].err == nil)
	s.parts[partition] = p
	if turned {
		s.tell(p.at)
	}
}

// health puts the state in public words; the worst comes first.
func (s *standing) health(now time.Time) domain.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := domain.Health{Name: "kafka", Condition: domain.Healthy}
	if h.Note, h.Err = s.trouble(now); h.Note != "" {
		h.Condition = domain.Degraded
		return h
	}
	if behind := s.behind(now); behind > lagLimit {
		h.Condition, h.Note = domain.Degraded, fmt.Sprintf("Notifications are %d seconds behind", int(behind.Seconds()))
	}
	return h
}

// trouble is what keeps notifications on Kafka, in public words, with its
// cause; empty when nothing does. The caller holds the lock.
func (s *standing) trouble(now time.Time) (note string, err error) {
	switch {
	case !s.member && errors.Is(s.err, kafkago.UnknownTopicOrPartition):
		return "The notification topic does not exist yet", s.err
	case !s.member:
		return "Not connected to Kafka; notifications wait there", s.err
	}
	for _, p := range s.parts {
		if p.err == nil || now.Sub(p.at) > noteLife {
			continue
		}
		note, err = "Notifications cannot be taken from Kafka; trying again", p.err
		if v, _ := verdictOf(domain.CodeOf(p.err)); isFailure(p.err) && v == doubt {
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

// behind is how old the oldest record in hand is. The caller holds the lock.
func (s *standing) behind(now time.Time) (age time.Duration) {
	for _, p := range s.parts {
		if !p.written.IsZero() && now.Sub(p.at) <= noteLife {
			age = max(age, now.Sub(p.written))
		}
	}
	return age
}
