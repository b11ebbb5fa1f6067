package delivery

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

// resume returns what follows the client's position: a frame that is sent first, if
// not empty, the position before the first entry, empty if unknown, and the first
// page. For Live it returns the current position and no entry. It is called after the
// user is subscribed: later messages arrive live. Errors: those of the log.
func (h *Hub) resume(ctx context.Context, user domain.UserID, from domain.Position) (first []byte, at domain.Position, page domain.Replay, err error) {
	if from == domain.PositionLive {
		at, err = h.parts.History.Last(ctx, user)
		return positionFrame(at), at, domain.Replay{Complete: true}, err
	}
	page, err = h.parts.History.Since(ctx, user, from)
	if !page.Complete {
		return incompleteFrame(from, page.Oldest), "", page, err
	}
	return nil, from, page, err
}

// catchUp returns what a connection has missed: the entries after the last kept
// notification that it was sent, or after the log's position when it connected. If
// neither is known, or the log does not hold the position any more, it returns the
// entries since the gap began. If that time is unknown as well, the result is not
// complete. Errors: those of the log.
func (h *Hub) catchUp(ctx context.Context, user domain.UserID, missing domain.MissedRange) (domain.Replay, error) {
	if missing.After != "" {
		page, err := h.parts.History.Since(ctx, user, missing.After)
		if err != nil || page.Complete || missing.Since.IsZero() {
			return page, err
		}
	}
	return h.parts.History.Recent(ctx, user, time.Since(missing.Since))
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
