package httpserver_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/requests"
)

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
	for name, base := range map[string]string{"through": w.base, "straight": s.url} {
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
