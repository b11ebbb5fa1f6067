package kafka

import (
	"maps"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
)

// progress stores how far the partitions of one assignment are finished, and commits that to
// the group. A commit costs the broker a synchronous write, so many records share one.
type progress struct {
	topic      string
	generation *kafkago.Generation

	// changed receives a value when there may be something to commit.
	changed chan struct{}

	mu sync.Mutex
	// next maps a partition to the offset of its first unfinished record. It contains only
	// uncommitted offsets.
	next map[int]int64
	// positions maps a partition to the offset of its first unfinished record. It contains only the
	// partitions with finished records.
	positions map[int]int64
}

func newProgress(topic string, g *kafkago.Generation) *progress {
	return &progress{topic: topic, generation: g, changed: make(chan struct{}, 1), next: map[int]int64{}, positions: map[int]int64{}}
}

// markDone marks the record and all records before it as finished. It is safe for concurrent
// use.
func (p *progress) markDone(m kafkago.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next[m.Partition], p.positions[m.Partition] = m.Offset+1, m.Offset+1
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// position returns the offset of the first unfinished record of an assigned partition. It is
// negative if the group has no offset. It is safe for concurrent use.
func (p *progress) position(a kafkago.PartitionAssignment) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset, known := p.positions[a.ID]; known {
		return offset
	}
	return a.Offset
}

// commit commits the finished offsets. After an error, the next call commits them. It is not
// safe for concurrent use.
func (p *progress) commit() error {
	p.mu.Lock()
	offsets := maps.Clone(p.next)
	p.mu.Unlock()
	if len(offsets) == 0 {
		return nil
	}
	if err := p.generation.CommitOffsets(map[string]map[int]int64{p.topic: offsets}); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for partition, offset := range offsets {
		if p.next[partition] == offset {
			delete(p.next, partition)
		}
	}
	return nil
}
