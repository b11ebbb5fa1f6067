package wire

import (
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/telemetry"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

func gatewayMetrics(c telemetry.Config) adapter[ports.Observer] {
	return metrics(c, telemetry.NewGatewayObserver)
}

func webSocketMetrics(c telemetry.Config) adapter[ports.Observer] {
	return metrics(c, telemetry.NewWebSocketObserver)
}

// metrics counts facts and, if metrics are enabled, serves them.
func metrics(c telemetry.Config, build func() *telemetry.Observer) adapter[ports.Observer] {
	return func(l *lifecycle) (ports.Observer, error) {
		o := build()
		o.Observe(domain.ServiceStarted{Version: domain.Version, Revision: revision()})
		if c.EnableMetrics {
			l.metrics = o.Handler()
		}
		return o, nil
	}
}

func tracing(c telemetry.Config, o telemetry.OTelConfig, s domain.Service, e domain.Environment, log *slog.Logger) adapter[trace.TracerProvider] {
	return func(l *lifecycle) (trace.TracerProvider, error) {
		t, err := telemetry.NewTracing(c, o, telemetry.ProcessInfo{Service: s, Environment: e, Instance: nodeName()}, log)
		if err != nil {
			return nil, err
		}
		l.flush("flush spans", t.Close)
		return t.Provider(), nil
	}
}
