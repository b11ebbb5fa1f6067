package wire

import (
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// platformClient builds the client that the ports for batches share.
func platformClient(c httpclient.Config, k httpclient.KeyConfig, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) adapter[*httpclient.PlatformClient] {
	return once(func(l *lifecycle) (*httpclient.PlatformClient, error) {
		b, err := httpclient.NewBatches(c, k, o, tp, log)
		if err != nil {
			return nil, err
		}
		l.release(b.Close)
		l.downstream, l.circuits = append(l.downstream, b), append(l.circuits, b)
		return b, nil
	})
}

func platformBatches(build adapter[*httpclient.PlatformClient]) adapter[ports.BatchStatusClient] {
	return func(l *lifecycle) (ports.BatchStatusClient, error) { return build(l) }
}

func platformPreflight(build adapter[*httpclient.PlatformClient]) adapter[ports.PreflightChecker] {
	return func(l *lifecycle) (ports.PreflightChecker, error) { return build(l) }
}

func platformRegistry(build adapter[*httpclient.PlatformClient]) adapter[ports.BatchRegistry] {
	return func(l *lifecycle) (ports.BatchRegistry, error) { return build(l) }
}

// forwarders build the transports to the services whose API is forwarded.
type forwarders struct{ classes, teacher, files adapter[http.RoundTripper] }

// httpForwarders returns a connection pool for each service, so that a slow service
// does not affect the others. Uploads have a timeout of their own.
func httpForwarders(c httpclient.Config, h httpserver.GatewayConfig, o ports.Observer, log *slog.Logger) forwarders {
	uploads := c
	uploads.Timeout, uploads.StreamIdleTimeout = h.Uploads.Timeout, h.Uploads.Timeout // the server applies the limits of an upload
	return forwarders{forwarder(domain.ClassManagement, c, o, log), forwarder(domain.TeacherBFF, c, o, log), forwarder(domain.FileService, uploads, o, log)}
}

func forwarder(service string, c httpclient.Config, o ports.Observer, log *slog.Logger) adapter[http.RoundTripper] {
	return func(l *lifecycle) (http.RoundTripper, error) {
		f := httpclient.NewForwarder(service, c, o, log)
		l.release(f.CloseIdleConnections)
		l.downstream, l.circuits = append(l.downstream, f), append(l.circuits, f)
		return f, nil
	}
}
