package sse

import (
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/internal/span"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Config are the settings of the streams. They have no variables of their own: the
// settings of the WebSocket connections apply to both transports.
type Config struct {
	// Delivery bounds the sessions.
	Delivery delivery.Config
	// Origins are the web origins whose pages may connect.
	Origins []string
	// CloseOnTokenExpiry ends a stream (1008) when the token that opened it expires.
	CloseOnTokenExpiry bool
	// PeerTimeout is how long a client's host may leave data unacknowledged.
	PeerTimeout time.Duration
}

// Manager serves the event streams of this node.
type Manager struct {
	*delivery.Hub
	config   Config
	observer ports.Observer
	spans    span.Spans
	log      *slog.Logger
}

var _ ports.ConnectionManager = (*Manager)(nil)

// NewManager returns a manager without streams. It sets the tracer and the transport of
// the parts. It starts no goroutine; Drain ends the goroutines of the streams.
func NewManager(c Config, p delivery.Parts, tp trace.TracerProvider) *Manager {
	spans := span.New(tp, "github.com/huleedu/edge/adapters/sse")
	p.Tracer, p.Transport = spans.DeliveryTracer(), domain.TransportSSE
	return &Manager{Hub: delivery.NewHub(c.Delivery, p), config: c, observer: p.Observer, spans: spans, log: p.Log}
}
