package app

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// History gives connections what their users' logs keep: to a client that
// comes back, and to one that stayed while the subscription was broken.
type History struct{ log ports.NotificationLog }

// NewHistory returns the use-case over the logs.
func NewHistory(log ports.NotificationLog) *History { return &History{log: log} }

// Resume begins a connection whose client stands at the position, or wants one
// for Live. It is called once the user is followed, so that what the answer
// lacks comes live. Errors: those of the log.
func (h *History) Resume(ctx context.Context, user domain.UserID, from domain.Position) (domain.Resumption, error) {
	if from == domain.Live {
		last, err := h.log.Last(ctx, user)
		if err != nil {
			return domain.Resumption{}, err
		}
		return domain.Resumption{Frame: positionFrame(last), At: last, Replay: domain.Replay{Complete: true}}, nil
	}
	replay, err := h.log.Since(ctx, user, from)
	if err != nil {
		return domain.Resumption{}, err
	}
	if !replay.Complete {
		return domain.Resumption{Frame: incompleteFrame(from, replay.Oldest), Replay: replay}, nil
	}
	return domain.Resumption{At: from, Replay: replay}, nil
}

// Position returns where the user's log stands now. Errors: those of the log.
func (h *History) Position(ctx context.Context, user domain.UserID) (domain.Position, error) {
	return h.log.Last(ctx, user)
}

// CatchUp returns what a connection lacks that stayed: what follows the last kept
// notification that it was given, or the log's position when it connected. Where
// neither is known, or the log does not hold the position any more, time decides,
// unless the hole's beginning is unknown: then the answer is not complete. Errors:
// those of the log.
func (h *History) CatchUp(ctx context.Context, user domain.UserID, hole domain.Hole) (domain.Replay, error) {
	if hole.After != "" {
		replay, err := h.log.Since(ctx, user, hole.After)
		if err != nil || replay.Complete || hole.Since.IsZero() {
			return replay, err
		}
	}
	return h.log.Recent(ctx, user, time.Since(hole.Since))
}

// Origin returns ctx within the trace in which a kept notification was handed
// over; ctx as it is when nobody records that trace. Errors: those of the log.
func (h *History) Origin(ctx context.Context, user domain.UserID, at domain.Position) (context.Context, error) {
	return h.log.Origin(ctx, user, at)
}

// positionFrame tells a client where it stands before its first notification.
func positionFrame(at domain.Position) []byte {
	return []byte(`{"event":"position","data":{"last_event_id":"` + string(at) + `"}}`)
}

// incompleteFrame tells that what followed the client's position is partly
// gone. A position has no character that JSON would have to escape.
func incompleteFrame(from, oldest domain.Position) []byte {
	left := "null"
	if oldest != "" {
		left = `"` + string(oldest) + `"`
	}
	return []byte(`{"event":"replay_incomplete","data":{"last_event_id":"` + string(from) + `","oldest_available":` + left + `}}`)
}
