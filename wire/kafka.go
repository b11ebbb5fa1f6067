package wire

import (
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/ports"
)

func kafkaCommands(c kafka.PublisherConfig, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) adapter[ports.CommandPublisher] {
	return func(l *lifecycle) (ports.CommandPublisher, error) {
		p, err := kafka.NewPublisher(c, o, tp, log)
		if err != nil {
			return nil, err
		}
		l.run("kafka health", p.Run)
		l.flush("flush commands", p.Close)
		l.downstream = append(l.downstream, p)
		return p, nil
	}
}

// kafkaConsumer builds the consumer that calls the application. It implements no port:
// the application does not call it.
func kafkaConsumer(c kafka.ConsumerConfig, n *app.Notifications, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) adapter[consumer] {
	return func(*lifecycle) (consumer, error) {
		k, err := kafka.NewConsumer(c, n, o, tp, log)
		if err != nil {
			return consumer{}, err
		}
		return consumer{run: k.Run, probes: []ports.HealthProbe{k}}, nil
	}
}
