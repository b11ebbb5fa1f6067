package httpserver_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// sink is an answer that nobody reads.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

// nowhere takes log lines that are written but not kept.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

type ignored struct{}

func (ignored) Observe(domain.Fact) {}

// BenchmarkChain measures what the chain itself costs a request, without
// sockets: ids, span (tracing off), metrics facts, one line of the log, origin,
// path and token, and for "status" the use-case and the answer's writing. The
// request and the writer are made outside of the timer.
func BenchmarkChain(b *testing.B) {
	for name, target := range map[string]string{
		"nothing": "/v1/test/no-auth", "status": "/v1/batches/b1/status", "refused": "/v1/batches/b2/status",
	} {
		for logging, handler := range map[string]slog.Handler{"silent": slog.DiscardHandler, "logged": slog.NewJSONHandler(nowhere{}, nil)} {
			b.Run(name+"/"+logging, func(b *testing.B) { chain(b, target, slog.New(handler)) })
		}
	}
}

func chain(b *testing.B, target string, log *slog.Logger) {
	b.Helper()
	platform := memory.NewPlatform()
	platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "ready"})
	w := &world{platform: platform, log: &logbook{}, ready: app.NewReadiness(nil, nil)}
	p := parts(w, platform, noop.NewTracerProvider())
	p.Log, p.Observer = log, ignored{}
	server, err := httpserver.NewGateway(p)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer u1")
	request.Header.Set("X-Correlation-ID", canonical)
	handler, out := server.Handler(), &sink{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(out.header)
		handler.ServeHTTP(out, request)
	}
}
