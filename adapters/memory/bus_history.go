package memory

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

// Limits of one page of the log: number of entries and total frame bytes.
const (
	pageEntries = 256
	pageBytes   = 1 << 20
)

// SetLimit sets the maximum number of entries per user for later publishes.
func (b *Bus) SetLimit(most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = most
}

// Expire deletes the entries of a user, as the expiry of the log does.
func (b *Bus) Expire(user domain.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if log := b.logs[user]; log != nil {
		log.entries = nil
	}
}

// Since returns the user's entries after a position.
func (b *Bus) Since(ctx context.Context, user domain.UserID, after domain.Position) (domain.Replay, error) {
	kept, err := b.history(ctx, "memory.Since", user)
	if err != nil {
		return domain.Replay{}, err
	}
	replay := domain.Replay{Complete: after == domain.PositionStart, Oldest: oldest(kept)}
	from := 0
	if place := slices.IndexFunc(kept, func(e entry) bool { return e.ID == after }); place >= 0 {
		replay.Complete, from = true, place+1
		for _, e := range kept[:from] {
			replay.Preceding = append(replay.Preceding, e.ID)
		}
	}
	return page(replay, kept[from:]), nil
}

// Recent returns the user's entries that are not older than age.
func (b *Bus) Recent(ctx context.Context, user domain.UserID, age time.Duration) (domain.Replay, error) {
	begin := time.Now().Add(-age)
	kept, err := b.history(ctx, "memory.Recent", user)
	if err != nil {
		return domain.Replay{}, err
	}
	from := slices.IndexFunc(kept, func(e entry) bool { return !e.at.Before(begin) })
	if from < 0 {
		from = len(kept)
	}
	return page(domain.Replay{Complete: true, Oldest: oldest(kept)}, kept[from:]), nil
}

// Last returns the position of the newest entry, or domain.Start for an empty log.
func (b *Bus) Last(ctx context.Context, user domain.UserID) (domain.Position, error) {
	kept, err := b.history(ctx, "memory.Last", user)
	if err != nil || len(kept) == 0 {
		return domain.PositionStart, err
	}
	return kept[len(kept)-1].ID, nil
}

// Origin returns ctx with the trace in which the notification was published. It returns
// ctx unchanged when the entry or its trace is unknown.
func (b *Bus) Origin(ctx context.Context, user domain.UserID, at domain.Position) (context.Context, error) {
	kept, err := b.history(ctx, "memory.Origin", user)
	if err != nil {
		return ctx, err
	}
	place := slices.IndexFunc(kept, func(e entry) bool { return e.ID == at })
	if place < 0 || !kept[place].origin.IsValid() {
		return ctx, nil
	}
	return trace.ContextWithSpanContext(ctx, kept[place].origin), nil
}

// history returns the entries of the user. The caller must not change them.
func (b *Bus) history(ctx context.Context, op string, user domain.UserID) ([]entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.stateError()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, domain.Unreachable("bus", err).WithOp(op)
	}
	log := b.logs[user]
	if log == nil {
		return nil, nil
	}
	return log.entries, nil
}

func oldest(kept []entry) domain.Position {
	if len(kept) == 0 {
		return ""
	}
	return kept[0].ID
}

// page adds entries to the replay until a limit is reached. It sets More if entries remain.
func page(replay domain.Replay, rest []entry) domain.Replay {
	bytes := 0
	for _, e := range rest {
		if len(replay.Entries) == pageEntries || bytes >= pageBytes {
			replay.More = true
			return replay
		}
		bytes += len(e.Frame)
		replay.Entries = append(replay.Entries, e.LogEntry)
	}
	return replay
}
