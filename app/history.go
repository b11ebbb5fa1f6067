package app

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// History reads users' logs for connections: for a client that resumes, and for one
// that stays connected during a gap of the subscription.
type History struct{ log ports.NotificationLog }

// NewHistory returns the use-case over the logs.
func NewHistory(log ports.NotificationLog) *History { return &History{log: log} }

// Resume returns what follows the client's position, or the current position for
// Live. It is called after the user is subscribed: later messages arrive live.
// Errors: those of the log.
func (h *History) Resume(ctx context.Context, user domain.UserID, from domain.Position) (domain.Resumption, error) {
	if from == domain.PositionLive {
		last, err := h.log.Last(ctx, user)
		if err != nil {
			return domain.Resumption{}, err
		}
		return domain.Resumption{Frame: positionFrame(last), Position: last, Replay: domain.Replay{Complete: true}}, nil
	}
	replay, err := h.log.Since(ctx, user, from)
	if err != nil {
		return domain.Resumption{}, err
	}
	if !replay.Complete {
		return domain.Resumption{Frame: incompleteFrame(from, replay.Oldest), Replay: replay}, nil
	}
	return domain.Resumption{Position: from, Replay: replay}, nil
}

// Position returns the current position of the user's log. Errors: those of the log.
func (h *History) Position(ctx context.Context, user domain.UserID) (domain.Position, error) {
	return h.log.Last(ctx, user)
}

// CatchUp returns what a connection has missed: the entries after the last kept
// notification that it was sent, or after the log's position when it connected. If
// neither is known, or the log does not hold the position any more, it returns the
// entries since the gap began. If that time is unknown as well, the result is not
// complete. Errors: those of the log.
func (h *History) CatchUp(ctx context.Context, user domain.UserID, hole domain.MissedRange) (domain.Replay, error) {
	if hole.After != "" {
		replay, err := h.log.Since(ctx, user, hole.After)
		if err != nil || replay.Complete || hole.Since.IsZero() {
			return replay, err
		}
	}
	return h.log.Recent(ctx, user, time.Since(hole.Since))
}

// Origin returns ctx within the trace in which a kept notification was published;
// ctx unchanged when that trace is not recorded. Errors: those of the log.
func (h *History) Origin(ctx context.Context, user domain.UserID, at domain.Position) (context.Context, error) {
	return h.log.Origin(ctx, user, at)
}

// positionFrame tells a client its position before its first notification.
func positionFrame(at domain.Position) []byte {
	return []byte(`{"event":"position","data":{"last_event_id":"` + string(at) + `"}}`)
}

// incompleteFrame tells a client that entries after its position are missing. A
// position needs no JSON escape.
func incompleteFrame(from, oldest domain.Position) []byte {
	left := "null"
	if oldest != "" {
		left = `"` + string(oldest) + `"`
	}
	return []byte(`{"event":"replay_incomplete","data":{"last_event_id":"` + string(from) + `","oldest_available":` + left + `}}`)
}
