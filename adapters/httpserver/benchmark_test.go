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

// discardWriter is a response writer that discards the answer.
type discardWriter struct{ header http.Header }

func (s *discardWriter) Header() http.Header         { return s.header }
func (s *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (s *discardWriter) WriteHeader(int)             {}

// unkeptLog discards encoded log lines.
type unkeptLog struct{}

func (unkeptLog) Write(p []byte) (int, error) { return len(p), nil }

type noObserver struct{}

func (noObserver) Observe(domain.Fact) {}

// BenchmarkChain measures the cost of the middleware for a request without sockets: ids, a
// span with tracing off, metrics facts, a log line, origin, path and token, and for "status"
// the use-case and the answer.
func BenchmarkChain(b *testing.B) {
	for name, target := range map[string]string{
		"nothing": "/v1/test/no-auth", "status": "/v1/batches/b1/status", "refused": "/v1/batches/b2/status",
	} {
		for logging, handler := range map[string]slog.Handler{"silent": slog.DiscardHandler, "logged": slog.NewJSONHandler(unkeptLog{}, nil)} {
			b.Run(name+"/"+logging, func(b *testing.B) { benchmarkChain(b, target, slog.New(handler)) })
		}
	}
}

func benchmarkChain(b *testing.B, target string, log *slog.Logger) {
	b.Helper()
	platform := memory.NewPlatform()
	platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "ready"})
	w := &environment{platform: platform, log: &logBuffer{}, ready: app.NewReadiness(nil, nil)}
	p := gatewayParts(w, platform, noop.NewTracerProvider())
	p.Log, p.Observer = log, noObserver{}
	p.Authentication = authentication(p, tokenValidator{})
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
	handler, out := server.Handler(), &discardWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(out.header)
		handler.ServeHTTP(out, request)
	}
}
