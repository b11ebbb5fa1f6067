package websocket

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
)

// abortTimeout is how long aborted connections may take to end.
const abortTimeout = time.Second

// Drain refuses new handshakes and closes every connection (1012), each after its
// queued messages, evenly spread over DrainSpread. Then it waits for the answers of
// the peers, and for handshakes and refusals in progress. Connections that remain
// when ctx is done or DrainTimeout has passed are aborted, and their number is
// logged. Drain returns TIMEOUT, wrapping ctx's error, when something has not ended
// abortTimeout later. A second call waits as well.
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
	return domain.TimedOut("Closing the connections", m.config.DrainTimeout, ctx.Err()).WithOp("websocket.Drain")
}

// closeAll closes all sessions, one after another, spread over the time. A session
// whose handshake is in progress is closed once the handshake is complete.
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

// abortAll aborts all connections and returns how many there were. Closing
// connections are not in the registry any more; the engine still knows them.
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

// abort ends the session and closes its socket.
func (m *Manager) abort(s *session) {
	defer s.recoverPanic()
	s.abort(ServiceRestart.Close())
	_ = s.conn.closeSocket()
}

// sleepUntil waits until t. It returns false when ctx is done before.
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
