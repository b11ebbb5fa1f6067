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

// TestDrainBoundsSilentBodies stops a server while a client of each kind of route stops
// sending its body.
func TestDrainBoundsSilentBodies(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"json":   "POST /v1/batches/register HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\nContent-Length: 100\r\n\r\n{",
		"upload": "POST " + uploadPath + " HTTP/1.1\r\nHost: h\r\n" + bearer + "\r\n" + formType + "\r\nContent-Length: 100\r\n\r\n--B\r\n",
		"proxy":  postClasses + "Content-Length: 100\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFileService(t)
			address := newScriptedService(t, func(r *http.Request, conn net.Conn) bool { discardBody(r); return false })
			w := newEnvironment(t, withForwarder(t, address, nil), func(_ *environment, p *httpserver.GatewayParts) {
				p.Files = httpserver.Upstream{URL: s.url, Transport: s.forwarder}
			})
			conn := dial(t, w.Addr())
			_, err := io.WriteString(conn, request)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return len(factsOf[domain.RequestStarted](w.facts)) == 1 }, 5*time.Second, tick)
			ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
			defer cancel()
			require.NoError(t, w.Shutdown(ctx))
			answer, err := io.ReadAll(conn)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(answer), "HTTP/1.1 504 "), string(answer))
			require.Contains(t, string(answer), "Connection: close\r\n")
			require.Equal(t, domain.Timeout, w.facts.failed()[0].Code)
		})
	}
}
