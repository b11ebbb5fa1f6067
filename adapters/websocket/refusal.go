package websocket

import (
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/huleedu/edge/adapters/internal/handshake"
	"github.com/huleedu/edge/adapters/internal/recent"
	"github.com/huleedu/edge/adapters/internal/span"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

// Existing browser clients reset their count of attempts when a socket opens. A
// server that upgrades in order to refuse is therefore asked again forever. A client
// gets the reason by a close frame only once in a while; in between it is refused
// before the upgrade, so that its count of attempts grows.
const (
	// tokenRefusalTTL is how long a refused token is refused before the upgrade,
	// after it was refused by a close frame.
	tokenRefusalTTL = 10 * time.Minute
	// quotaRefusalTTL is how long a user at the connection limit is refused before the
	// upgrade, after a refusal by a close frame.
	quotaRefusalTTL = time.Minute
	// maxRemembered is the maximum number of entries in each set of refusals. A full set takes
	// about 5 MB.
	maxRemembered = 1 << 16
	// maxRefusals is how many handshakes this node upgrades at the same time only to
	// refuse them.
	maxRefusals = 256
)

// refusals remembers which clients were refused by a close frame. It decides how,
// never whether, a client is refused.
type refusals struct {
	tokens    *recent.Set // credentials that were refused by a close frame
	fullUsers *recent.Set // users at the connection limit who were refused by a close frame
}

func newRefusals() refusals {
	return refusals{
		tokens:    recent.New(tokenRefusalTTL, maxRemembered),
		fullUsers: recent.New(quotaRefusalTTL, maxRemembered),
	}
}

// setFor returns the set that remembers refusals of this kind and the client's key
// in it; nil for refusals that are not remembered.
func (f refusals) setFor(cause error, credential string, user domain.UserID) (*recent.Set, string) {
	e := domain.As(cause)
	switch {
	case e.Code == domain.QuotaExceeded:
		return f.fullUsers, string(user)
	case e.Code == domain.AuthenticationError && credential != "" && !isTransient(e):
		return f.tokens, credential
	default:
		return nil, ""
	}
}

// isTransient reports whether the same token may become valid: its key may arrive,
// or its start time may come.
func isTransient(e *domain.Error) bool {
	return e.Reason == domain.ReasonKey || e.Reason == domain.ReasonNotYetValid
}

// refusal is a handshake that is refused. The credential is empty for a client
// without one, the user for one that is not known.
type refusal struct {
	cause      error
	credential string
	user       domain.UserID
}

// refuse upgrades the connection and closes it with the reason, because a browser
// cannot see an HTTP status. It returns the cause, to be answered by HTTP, when the
// client was refused so recently, or maxRefusals handshakes are being refused.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, f refusal) (*continuation, error) {
	memory, key := h.refusals.setFor(f.cause, f.credential, f.user)
	if memory.Has(key) || !h.beginRefusal() {
		return nil, handshake.WithRetryAfter(f.cause)
	}
	ctx := r.Context()
	t, err := hijack(w, r)
	if err != nil {
		h.endRefusal()
		return nil, hijackError(err)
	}
	c := closeFor(f.cause)
	span.RecordError(ctx, f.cause)
	h.manager.observer.Observe(domain.ConnectionRejected{Transport: domain.TransportWebSocket})
	h.manager.observer.Observe(domain.CloseCodeObserved{Transport: domain.TransportWebSocket, Code: int(c.Status)})
	payload := closePayload(c, domain.RequestContextOf(ctx).CorrelationID)
	h.manager.Leave() // from now on it does not count against the limit of the node
	return &continuation{
		delivery.Handshake{User: f.user, Refusal: f.cause, CloseCode: int(c.Status)},
		func() { h.closeRefused(t, payload, memory, key) },
	}, nil
}

// beginRefusal returns false when maxRefusals handshakes are being refused. After true,
// endRefusal must be called once.
func (h *Handler) beginRefusal() bool {
	select {
	case h.refusing <- struct{}{}:
		h.manager.BeginWork()
		return true
	default:
		return false
	}
}

// endRefusal undoes beginRefusal.
func (h *Handler) endRefusal() {
	<-h.refusing
	h.manager.EndWork()
}

// closeRefused completes the handshake, sends the close frame and waits up to
// closeAnswerTimeout for the answer, so that a reset does not destroy the reason. It
// adds the key to the memory before the client can see the close frame and connect
// again, and removes it when the frame cannot be sent.
func (h *Handler) closeRefused(t *hijackedConn, payload []byte, memory *recent.Set, key string) {
	defer h.endRefusal()
	defer func() { _ = t.conn.Close() }()
	conn, err := h.upgrader.Upgrade(t, t.request, t.header)
	if err != nil {
		return
	}
	memory.Add(key)
	if conn.WriteControl(websocket.CloseMessage, payload, time.Now().Add(closeWriteTimeout)) != nil {
		memory.Remove(key)
		return
	}
	conn.SetReadLimit(h.manager.config.MaxMessageBytes)
	err = conn.SetReadDeadline(time.Now().Add(closeAnswerTimeout))
	for err == nil {
		_, _, err = conn.NextReader() // the answer ends it with an error too
	}
}
