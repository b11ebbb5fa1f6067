package kafka

import (
	"maps"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
)

// progress remembers how far the partitions of one assignment are finished,
// and tells the group. A commit costs the broker a synchronous write, so many
// records share one.
type progress struct {
	topic      string
	generation *kafkago.Generation

	// changed tells that there may be something to commit.
	changed chan struct{}

	mu sync.Mutex
	// next is partition -> offset of the first unfinished record, of those that
	// the group does not know yet.
	next map[int]int64
}

func newProgress(topic string, g *kafkago.Generation) *progress {
	return &progress{topic: topic, generation: g, changed: make(chan struct{}, 1), next: map[int]int64{}}
}

// markDone marks the record and all before it as finished.
func (p *progress) markDone(m kafkago.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next[m.Partition] = m.Offset + 1
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// commit commits the finished offsets. Offsets that could not be committed are committed the
// next time. It is not safe for concurrent use.
func (p *progress) commit() error {
	p.mu.Lock()
	told := maps.Clone(p.next)
	p.mu.Unlock()
	if len(told) == 0 {
		return nil
	}
	if err := p.generation.CommitOffsets(map[string]map[int]int64{p.topic: told}); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for partition, offset := range told {
		if p.next[partition] == offset {
			delete(p.next, partition)
		}
	}
	return nil
}
