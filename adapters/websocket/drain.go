package websocket

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

// abortTimeout is how long sockets that were cut may take to be gone.
const abortTimeout = time.Second

// Drain refuses new handshakes and closes every connection (1012), each after
// what is queued on it, evenly spread over the window; then it waits for those
// that are still answering, and for refusals and handshakes in flight. What is
// left when ctx or the drain's own limit is done is cut, and the log says how
// many did not answer their close frame in time. It returns TIMEOUT, wrapping
// ctx's error, when something does not even end then. A second call waits like
// the first.
func (m *Manager) Drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.config.DrainTimeout)
	defer cancel()
	empty := m.admission.close()
	m.closeAll(ctx, ServiceRestart.Close(), m.config.DrainSpread)
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
	}
	m.log.WarnContext(ctx, "connections are cut that did not answer their close frame", "count", m.abortAll())
	select {
	case <-empty:
		return nil
	case <-time.After(abortTimeout):
	}
	return domain.TimedOut("Closing the connections", m.config.DrainTimeout, ctx.Err()).At("websocket.Drain")
}

// closeAll tells one session after the other to go, over the time. A handshake in flight is
// told as well: it learns it when it is complete.
func (m *Manager) closeAll(ctx context.Context, why Close, over time.Duration) {
	sessions := m.registry.all()
	if len(sessions) == 0 {
		return
	}
	begin, gap := time.Now(), over/time.Duration(len(sessions))
	for i, s := range sessions {
		if !sleepUntil(ctx, begin.Add(time.Duration(i)*gap)) {
			return
		}
		s.close(why)
	}
}

// abortAll drops what did not go by itself, lingering sockets included, which
// only the engine still knows. It returns how many connections that were.
func (m *Manager) abortAll() int {
	for _, s := range m.registry.all() {
		s.close(ServiceRestart.Close())
	}
	peers, err := m.engine.Sessions()
	if err != nil { // the engine is never closed
		return 0
	}
	for _, ms := range peers {
		go m.abort(sessionOf(ms))
	}
	return len(peers)
}

func (m *Manager) abort(s *session) {
	defer s.recoverPanic()
	s.abort(ServiceRestart.Close())
	_ = s.conn.closeSocket()
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
