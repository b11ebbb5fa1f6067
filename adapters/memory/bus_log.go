package memory

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/domain"
)

const (
	// pageEntries is the maximum number of entries in one page of a log.
	pageEntries = 256
	// pageBytes is the size of the frames, in bytes, from which on a page of a log takes no
	// further entry.
	pageBytes = 1 << 20
)

// SetLimit sets the maximum number of entries per user for later publishes.
func (b *Bus) SetLimit(entries int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = entries
}

// Expire deletes the entries of a user, like the expiry of a log.
func (b *Bus) Expire(user domain.UserID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if log := b.logs[user]; log != nil {
		log.entries = nil
	}
}

// Since returns the user's entries after a position.
func (b *Bus) Since(ctx context.Context, user domain.UserID, after domain.Position) (domain.Replay, error) {
	stored, err := b.history(ctx, "memory.Since", user)
	if err != nil {
		return domain.Replay{}, err
	}
	replay := domain.Replay{Complete: after == domain.PositionStart, Oldest: oldest(stored)}
	from := 0
	if at := slices.IndexFunc(stored, func(e entry) bool { return e.ID == after }); at >= 0 {
		replay.Complete, from = true, at+1
		for _, e := range stored[:from] {
			replay.Preceding = append(replay.Preceding, e.ID)
		}
	}
	return page(replay, stored[from:]), nil
}

// Recent returns the user's entries that are not older than age.
func (b *Bus) Recent(ctx context.Context, user domain.UserID, age time.Duration) (domain.Replay, error) {
	oldestTime := time.Now().Add(-age)
	stored, err := b.history(ctx, "memory.Recent", user)
	if err != nil {
		return domain.Replay{}, err
	}
	from := slices.IndexFunc(stored, func(e entry) bool { return !e.at.Before(oldestTime) })
	if from < 0 {
		from = len(stored)
	}
	return page(domain.Replay{Complete: true, Oldest: oldest(stored)}, stored[from:]), nil
}

// Last returns the position of the newest entry, or domain.PositionStart for an empty log.
func (b *Bus) Last(ctx context.Context, user domain.UserID) (domain.Position, error) {
	stored, err := b.history(ctx, "memory.Last", user)
	if err != nil || len(stored) == 0 {
		return domain.PositionStart, err
	}
	return stored[len(stored)-1].ID, nil
}

// Origin returns ctx with the trace in which the notification was published. It returns
// ctx unchanged when the entry or its trace is unknown.
func (b *Bus) Origin(ctx context.Context, user domain.UserID, at domain.Position) (context.Context, error) {
	stored, err := b.history(ctx, "memory.Origin", user)
	if err != nil {
		return ctx, err
	}
	i := slices.IndexFunc(stored, func(e entry) bool { return e.ID == at })
	if i < 0 || !stored[i].origin.IsValid() {
		return ctx, nil
	}
	return trace.ContextWithSpanContext(ctx, stored[i].origin), nil
}

// history returns the entries of the user. The caller must not change them.
func (b *Bus) history(ctx context.Context, op string, user domain.UserID) ([]entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.unavailable(ctx, op); err != nil {
		return nil, err
	}
	log := b.logs[user]
	if log == nil {
		return nil, nil
	}
	return log.entries, nil
}

// oldest returns the position of the first entry, or an empty position if there is none.
func oldest(stored []entry) domain.Position {
	if len(stored) == 0 {
		return ""
	}
	return stored[0].ID
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
