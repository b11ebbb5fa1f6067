package delivery

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

// abortTimeout is how long aborted connections may take to end.
const abortTimeout = time.Second

// Drain refuses new handshakes and ends every session with ErrRestart, each after its
// queued messages, evenly spread over Config.DrainSpread. Then it waits for the ends
// of the connections and for handshakes in progress. Connections that remain when ctx
// is done or Config.DrainTimeout has passed are aborted, and their number is logged.
// Drain returns TIMEOUT, wrapping ctx's error, when something has not ended
// abortTimeout later. A second call waits as well.
func (h *Hub) Drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.config.DrainTimeout)
	defer cancel()
	empty := h.close()
	h.Shed(ctx, ErrRestart, h.config.DrainSpread)
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
	}
	h.parts.Log.WarnContext(ctx, "connections are cut that did not answer their close frame", "count", h.abortAll())
	select {
	case <-empty:
		return nil
	case <-time.After(abortTimeout):
	}
	return domain.TimedOut("Closing the connections", h.config.DrainTimeout, ctx.Err()).WithOp("delivery.Drain")
}

// Shed closes all sessions for the reason, one after another, evenly spread over the
// time. A session whose handshake is in progress is closed once that is complete.
func (h *Hub) Shed(ctx context.Context, reason error, over time.Duration) {
	sessions := h.registry.all()
	if len(sessions) == 0 {
		return
	}
	begin, gap := time.Now(), over/time.Duration(len(sessions))
	for i, s := range sessions {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(begin.Add(time.Duration(i) * gap))):
			s.Close(reason)
		}
	}
}

// abortAll aborts all connections, including those that are closing, and returns how
// many there were.
func (h *Hub) abortAll() (aborted int) {
	for _, s := range h.registry.unfinished() {
		s.Close(ErrRestart)
		if s.attached.Load() {
			aborted++
			go s.cut()
		}
	}
	return aborted
}

// cut ends the session and aborts its connection.
func (s *Session) cut() {
	defer s.Recover()
	defer s.conn.Abort()
	s.Abort(ErrRestart)
}
