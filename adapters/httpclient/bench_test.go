//go:build unix

package httpclient_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/test/recorded"
)

// BenchmarkStatusCall compares a status call and a forwarded request with the same exchange on
// net/http's Transport. The server is in this process, so that its work is a part of every
// figure: compare the differences. cpu-us/op is the processor time of the process for a call,
// with the server and the garbage collection.
func BenchmarkStatusCall(b *testing.B) {
	s := stub(b)
	c := config(s.URL, s.URL)
	client, err := httpclient.NewBatches(c, httpclient.KeyConfig{InternalKey: key}, recorded.NoFacts{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	forwarder := httpclient.NewForwarder("class_management", c, recorded.NoFacts{}, slog.New(slog.DiscardHandler))
	b.Cleanup(forwarder.CloseIdleConnections)
	bare := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}
	b.Cleanup(bare.CloseIdleConnections)

	b.Run("bare", func(b *testing.B) { measure(b, func() error { return trip(b, bare, s.URL) }) })
	b.Run("forwarder", func(b *testing.B) { measure(b, func() error { return trip(b, forwarder, s.URL) }) })
	b.Run("batches", func(b *testing.B) {
		measure(b, func() error {
			_, err := client.Status(b.Context(), anna(), "b1")
			return err
		})
	})
	b.Run("preflight", func(b *testing.B) {
		measure(b, func() error {
			_, err := client.Check(b.Context(), anna(), "b1", "spellcheck")
			return err
		})
	})
	b.Run("bare proxy", func(b *testing.B) { measureProxy(b, s.URL, bare) })
	b.Run("guarded proxy", func(b *testing.B) { measureProxy(b, s.URL, forwarder) })
}

// stub responds to every request with a batch of about 600 bytes.
func stub(b *testing.B) *httptest.Server {
	b.Helper()
	body := []byte(`{"allowed":true,"batch_id":"b1","user_id":"teacher-anna","overall_status":"processing_pipelines","essay_count":25,"essays":[`)
	for range 4 {
		body = append(body, `{"essay_id":"0b1f6f7e-8f65-4a55-9a2b-0f3c5b5b8a01","filename":"essay_01.docx","spellcheck_status":"completed","cj_rank":3},`...)
	}
	body = append(body, `{}]}`...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write(body)
	}))
	b.Cleanup(s.Close)
	return s
}

// trip makes one exchange in the way of a proxy.
func trip(b *testing.B, t http.RoundTripper, target string) error {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, target+"/internal/v1/batches/b1/status", http.NoBody)
	if err != nil {
		return err
	}
	res, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func measureProxy(b *testing.B, target string, t http.RoundTripper) {
	b.Helper()
	to, err := url.Parse(target)
	if err != nil {
		b.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }, Transport: t}
	measure(b, func() error {
		proxy.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/x", http.NoBody))
		return nil
	})
}

func measure(b *testing.B, call func() error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(8)
	from := used(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64((used(b)-from).Microseconds())/float64(b.N), "cpu-us/op")
}

// used returns the processor time of this process.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
