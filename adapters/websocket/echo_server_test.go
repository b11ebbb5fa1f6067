package websocket_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/app/delivery"
)

// serveEcho serves sockets that echo, built as in the service, prints its address
// and runs until its standard input ends. Conformance suites in other languages use
// it; with the word "deflate" it compresses.
func serveEcho(word string) {
	c := settings()
	c.Compression = word == "deflate"
	c.MaxMessageBytes, c.SendQueueBytes, c.SendQueueMessages = 32<<20, 64<<20, 4096
	c.MaxMessagesPerMinute = 0
	registry, silent, log := newStubDependencies(), &recorder{mute: true}, slog.New(slog.DiscardHandler)
	readiness := app.NewReadiness(nil, nil)
	readiness.Enter(app.Serving)
	m := websocket.NewManager(c, delivery.Parts{
		Admission: c.NewAdmission(), Quota: registry, Listener: registry, History: memory.NewBus(), Observer: silent, Log: log,
	}, noop.NewTracerProvider())
	websocket.Echo(m)
	tokens := stubValidator{expires: time.Now().Add(time.Hour)}
	authentication := app.NewAuthentication(tokens, memory.NewRateLimiter(), silent, c.RefusedTokens())
	server := httptest.NewServer(serveHandler(websocket.NewHandler(m, tokens, authentication, readiness, "")))
	defer server.Close()
	fmt.Println(server.Listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}
