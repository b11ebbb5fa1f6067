package memory

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// busLog is the notification log of one user.
type busLog struct {
	ms, seq int64
	seen    map[string]string // event id -> entry id
	entries []entry           // oldest first
}

// entry is one stored notification.
type entry struct {
	domain.LogEntry
	at     time.Time
	origin trace.SpanContext // trace of the publisher, if it is sampled
}

var errBusFrame = errors.New("the frame is not a JSON object with a member")

// nextID returns an id in the form of Redis stream ids. Ids increase.
func (l *busLog) nextID(now time.Time) string {
	if ms := now.UnixMilli(); ms > l.ms {
		l.ms, l.seq = ms, 0
	} else {
		l.seq++
	}
	return strconv.FormatInt(l.ms, 10) + "-" + strconv.FormatInt(l.seq, 10)
}

// Control returns an error if the bus is down or the context is done. The bus stores no data
// that could fail for a single user.
func (b *Bus) Control(ctx context.Context, _ domain.UserID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unavailable(ctx, "memory.Control")
}

// Publish stores a notification and sends it to followers. An event id that was published
// before is a duplicate: Publish returns the id of the first entry.
func (b *Bus) Publish(ctx context.Context, n domain.Notification) (domain.PublishResult, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.unavailable(ctx, "memory.Publish"); err != nil {
		return domain.PublishResult{}, err
	}
	if len(n.Frame) < len(`{"":0}`) || !bytes.HasPrefix(n.Frame, []byte("{")) || !bytes.HasSuffix(n.Frame, []byte("}")) {
		return domain.PublishResult{}, (&domain.Error{
			Code: domain.ProcessingError, Message: "The notification cannot be kept",
			Details: map[string]any{}, Err: errBusFrame,
		}).WithOp("memory.Publish")
	}
	log := b.logs[n.User]
	if log == nil {
		log = &busLog{seen: map[string]string{}}
		b.logs[n.User] = log
	}
	if id, seen := log.seen[n.EventID]; seen {
		return domain.PublishResult{ID: id, Duplicate: true}, nil
	}
	id := log.nextID(time.Now())
	log.seen[n.EventID] = id
	frame := domain.WithID(n.Frame, id)
	added := entry{LogEntry: domain.LogEntry{ID: domain.Position(id), Frame: frame}, at: time.Now()}
	if origin := trace.SpanContextFromContext(ctx); origin.IsSampled() {
		added.origin = origin
	}
	log.entries = append(log.entries, added)
	if over := len(log.entries) - b.limit; over > 0 {
		log.entries = log.entries[over:]
	}
	b.send(n.User, frame)
	return domain.PublishResult{ID: id}, nil
}
