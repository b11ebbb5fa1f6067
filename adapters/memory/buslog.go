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

// busLog is what a bus keeps for one user.
type busLog struct {
	ms, seq int64
	seen    map[string]string // event id -> id in the log
	kept    []entry           // oldest first
}

// entry is one notification of a log, and when it was kept.
type entry struct {
	domain.Kept
	at     time.Time
	origin trace.SpanContext // of who kept it; only if somebody records it
}

var errBusFrame = errors.New("the frame is no JSON object with a member")

// next returns an id that is larger than all before, in the form of Redis.
func (l *busLog) next(now time.Time) string {
	if ms := now.UnixMilli(); ms > l.ms {
		l.ms, l.seq = ms, 0
	} else {
		l.seq++
	}
	return strconv.FormatInt(l.ms, 10) + "-" + strconv.FormatInt(l.seq, 10)
}

// Control reports whether the bus works; it keeps nothing that could fail for one
// user alone.
func (b *Bus) Control(ctx context.Context, _ domain.UserID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.problem()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return domain.Unreachable("bus", err).At("memory.Control")
	}
	return nil
}

// Publish marks the event and announces the notification, once per event.
func (b *Bus) Publish(ctx context.Context, n domain.Notification) (domain.Handover, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.problem()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return domain.Handover{}, domain.Unreachable("bus", err).At("memory.Publish")
	}
	if len(n.Frame) < len(`{"":0}`) || !bytes.HasPrefix(n.Frame, []byte("{")) || !bytes.HasSuffix(n.Frame, []byte("}")) {
		return domain.Handover{}, (&domain.Error{
			Code: domain.ProcessingError, Message: "The notification cannot be kept",
			Details: map[string]any{}, Err: errBusFrame,
		}).At("memory.Publish")
	}
	log := b.logs[n.User]
	if log == nil {
		log = &busLog{seen: map[string]string{}}
		b.logs[n.User] = log
	}
	if id, seen := log.seen[n.EventID]; seen {
		return domain.Handover{ID: id, Duplicate: true}, nil
	}
	id := log.next(time.Now())
	log.seen[n.EventID] = id
	frame := domain.WithID(n.Frame, id)
	one := entry{Kept: domain.Kept{ID: domain.Position(id), Frame: frame}, at: time.Now()}
	if origin := trace.SpanContextFromContext(ctx); origin.IsSampled() {
		one.origin = origin
	}
	log.kept = append(log.kept, one)
	if over := len(log.kept) - b.most; over > 0 {
		log.kept = log.kept[over:]
	}
	b.send(n.User, frame)
	return domain.Handover{ID: id}, nil
}
