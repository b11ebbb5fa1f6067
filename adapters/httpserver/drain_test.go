package httpserver_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

// TestADrainBoundsSilentBodies stops a server while a client of each kind of
// route sends nothing more of its body.
func TestADrainBoundsSilentBodies(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"json":   "POST /v1/batches/register HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\nContent-Length: 100\r\n\r\n{",
		"upload": "POST " + uploadPath + " HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\n" + formType + "\r\nContent-Length: 100\r\n\r\n--B\r\n",
		"proxy":  post + "Content-Length: 100\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFileService(t)
			address := scripted(t, func(r *http.Request, conn net.Conn) bool { taken(r); return false })
			w := newWorld(t, over(t, address, nil), func(_ *world, p *httpserver.GatewayParts) {
				p.Files = httpserver.Upstream{URL: s.url, Transport: s.forwarder}
			})
			conn := dial(t, w.Addr())
			_, err := io.WriteString(conn, request)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return w.facts.started() == 1 }, 5*time.Second, tick)
			ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
			defer cancel()
			require.NoError(t, w.Shutdown(ctx))
			told, err := io.ReadAll(conn)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(told), "HTTP/1.1 504 "), string(told))
			require.Contains(t, string(told), "Connection: close\r\n")
			require.Equal(t, domain.Timeout, w.facts.failed()[0].Code)
		})
	}
}
