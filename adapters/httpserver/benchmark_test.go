package httpserver_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
	"github.com/huleedu/edge/test/requests"
)

// discardWriter is a response writer that discards the answer.
type discardWriter struct{ header http.Header }

func (s *discardWriter) Header() http.Header         { return s.header }
func (s *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (s *discardWriter) WriteHeader(int)             {}

// noWriter takes what is written and does nothing.
type noWriter struct{}

func (noWriter) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkChain measures the cost of the middleware for a request without sockets: ids, a
// span with tracing off, metrics facts, a log line, origin, path and token, and for "status"
// the use-case and the answer.
func BenchmarkChain(b *testing.B) {
	for name, target := range map[string]string{
		"nothing": "/v1/test/no-auth", "status": "/v1/batches/b1/status", "refused": "/v1/batches/b2/status",
	} {
		b.Run(name+"/silent", func(b *testing.B) { benchmarkChain(b, target, slog.New(slog.DiscardHandler)) })
		b.Run(name+"/logged", func(b *testing.B) {
			// Not slog.DiscardHandler: the lines are encoded.
			benchmarkChain(b, target, slog.New(slog.NewJSONHandler(noWriter{}, nil)))
		})
	}
}

func benchmarkChain(b *testing.B, target string, log *slog.Logger) {
	b.Helper()
	w := unserved()
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "ready"})
	p := w.parts(w.platform)
	p.Log, p.Observer = log, recorded.NoFacts{}
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

// BenchmarkUpload sends a form of 16 MiB through the gateway, and directly to the same service
// for comparison.
func BenchmarkUpload(b *testing.B) {
	s := newFileService(b)
	s.early = func(w http.ResponseWriter, r *http.Request) {
		<-s.begun
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	}
	w := s.environment(b, nil)
	for name, base := range map[string]string{"through": w.base, "direct": s.url} {
		b.Run(name, func(b *testing.B) {
			body := requests.Form(requests.File("big.bin", strings.Repeat("\x00", 16<<20)), requests.Field("batch_id", "b1"))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, base+uploadPath, strings.NewReader(body))
				require.NoError(b, err)
				request.Header.Set("Authorization", "Bearer u1")
				request.Header.Set("Content-Type", "multipart/form-data; boundary=B")
				response, err := http.DefaultTransport.RoundTrip(request)
				require.NoError(b, err)
				require.Equal(b, 202, response.StatusCode)
				require.NoError(b, response.Body.Close())
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
}
