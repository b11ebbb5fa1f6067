package httpserver_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

// largeStatus is a platform with a large status document.
type largeStatus struct {
	*memory.Platform
	document []byte
}

func (l *largeStatus) Status(context.Context, domain.Caller, domain.BatchID) (domain.BatchReport, error) {
	return domain.BatchReport{Owner: "u1", Overall: "ready", Document: l.document}, nil
}

// TestSlowReadersGetTheWholeAnswer reads a buffered answer more slowly than the answer
// timeout.
func TestSlowReadersGetTheWholeAnswer(t *testing.T) {
	t.Parallel()
	document := append(append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), 32<<20)...), `"}`...)
	w := newEnvironment(t, func(w *environment, p *httpserver.GatewayParts) {
		*p = gatewayParts(w, &largeStatus{document: document}, noop.NewTracerProvider())
		p.Config.AnswerTimeout = 3 * step
	})
	conn := dial(t, w.Addr())
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(16<<10))
	_, err := io.WriteString(conn, statusRequest)
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	writeSlowly(io.Discard, 6, "") // the client reads nothing meanwhile
	res, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Len(t, text, len(`{"status":"ready","details":}`)+len(document))
}
