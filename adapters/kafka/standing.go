package kafka

import (
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
)

const (
	// lagLimit is how old the record in hand may be before the consumer says so.
	lagLimit = 15 * time.Second
	// noteLife is how long a note on a partition counts. Trouble renews its
	// note with every attempt; that it is over, nothing tells while there are
	// no records.
	noteLife = 20 * time.Second
)

// standing is how the consumer does, as its health answers tell.
type standing struct {
	mu     sync.Mutex
	member bool
	err    error
	parts  map[int]part
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
}

// joined notes the assignment of partitions.
func (s *standing) joined() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member, s.err, s.parts = true, nil, map[int]part{}
}

// note keeps a partition's state, unless the assignment has ended.
func (s *standing) note(partition int, p part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.member {
		p.at = time.Now()
		s.parts[partition] = p
	}
}

// health puts the state in public words; the worst comes first.
func (s *standing) health(now time.Time) domain.Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := domain.Health{Name: "kafka", Condition: domain.Healthy}
	if !s.member {
		h.Condition, h.Note, h.Err = domain.Degraded, "Not connected to Kafka; notifications wait there", s.err
		if errors.Is(s.err, kafkago.UnknownTopicOrPartition) {
			h.Note = "The notification topic does not exist yet"
		}
		return h
	}
	var behind time.Duration
	for _, p := range s.parts {
		if now.Sub(p.at) > noteLife {
			continue
		}
		if p.err != nil {
			h.Condition, h.Note, h.Err = domain.Degraded, "Notifications cannot be taken from Kafka; trying again", p.err
			return h
		}
		if !p.written.IsZero() {
			behind = max(behind, now.Sub(p.written))
		}
	}
	if behind > lagLimit {
		h.Condition, h.Note = domain.Degraded, fmt.Sprintf("Notifications are %d seconds behind", int(behind.Seconds()))
	}
	return h
}
