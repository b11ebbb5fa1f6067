package e2e_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
)

// TestLogsAndSpansContainNoSecret searches the debug logs and spans of both programs for secrets and personal
// data of the run. An error is recorded on exactly one span of its trace.
func TestLogsAndSpansContainNoSecret(t *testing.T) {
	t.Parallel()
	withPrograms(t, func(t *testing.T, w *programs) {
		teacher, batch := w.batch(1)
		const essay, mail, bad = "the-essay-of-a-pupil", "teacher@school.example", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.forged"
		token := tokenWith(map[string]any{"sub": teacher, "email": mail, "name": "Astrid Teacher"})
		bearer := headers{"Authorization": "Bearer " + token}
		socket := connect(t, w.socketURL()+"?token="+token, nil)
		require.Equal(t, 202, call(t, "POST", w.gatewayURL+pipelinesPath(batch), pipelineBody("spellcheck"), bearer).status)
		require.NoError(t, socket.WriteMessage(websocket.TextMessage, []byte(`{"type":"refresh","token":"`+token+`"}`)))
		require.NoError(t, w.platform.PublishDirect(t.Context(), domain.UserID(teacher), "private", map[string]any{"text": essay, "to": mail}))
		for socket.next(t).Event != "batch_results_ready" {
			continue
		}
		refused := connect(t, w.socketURL()+"?token="+bad, nil)
		refused.closedBecause(t, 1008)
		ids := map[string]int{}
		for _, r := range []struct {
			method, path, body string
			status             int
			token              headers
		}{
			{"GET", statusPath(batch) + "?token=" + token, "", 401, headers{"Authorization": "Bearer " + bad}},
			{"GET", statusPath("no-such-batch"), "", 404, bearer},
			{"POST", pipelinesPath(batch), `{"requested_pipeline":"` + essay + `"}`, 422, bearer},
			{"POST", "/v1/batches/register", `{"essay_ids":["` + mail + `"],"x":"` + essay + `"`, 422, bearer},
		} {
			a := call(t, r.method, w.gatewayURL+r.path, r.body, r.token)
			require.Equal(t, r.status, a.status, "%s", &a)
			ids[a.header.Get("X-Trace-ID")] = r.status
		}
		for id, status := range ids {
			var spans []harness.Span
			require.Eventually(t, func() bool { spans = w.collector.Trace(id); return countErrors(spans) > 0 }, waitLimit, 20*time.Millisecond, "%d", status)
			require.Equal(t, 1, countErrors(spans), "%d", status)
		}
		for _, p := range []*harness.Program{w.gateway, w.node} {
			p.Terminate(t)
			require.Equal(t, 0, p.Exit(t, waitLimit))
		}
		refusals := 0
		for _, s := range harness.Named(w.collector.Spans(), "GET /ws") {
			if s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR {
				refusals += countErrors(w.collector.Trace(hex.EncodeToString(s.TraceId)))
			}
		}
		require.Equal(t, 1, refusals, "the refused socket")
		written := w.gateway.Stdout.String() + w.gateway.Stderr.String() + w.node.Stdout.String() + w.node.Stderr.String()
		require.Contains(t, written, "connection ended")
		for _, s := range w.collector.Spans() {
			written += textOf(s)
		}
		secrets := []string{token, bad, harness.Secret, internalKey, redisPassword, collectorToken, essay, mail, "Astrid", "forged", `{"event":`}
		for _, s := range secrets {
			require.NotContains(t, written, s)
		}
		t.Logf("%d secrets not found in %d bytes of %d lines and %d spans", len(secrets), len(written), strings.Count(written, "\n"), len(w.collector.Spans()))
	})
}

// countErrors returns the number of errors on the spans.
func countErrors(spans []harness.Span) (n int) {
	for _, s := range spans {
		for _, e := range s.Events {
			if e.Name == "exception" {
				n++
			}
		}
	}
	return n
}

// textOf returns the texts of the span that a reader of traces sees.
func textOf(s harness.Span) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.Name, s.TraceState, s.Status.GetMessage(), s.Attrs())
	for _, e := range s.Events {
		fmt.Fprintln(&b, e.Name, e.Attributes)
	}
	return b.String()
}

// TestAccessLogIsSampled checks that many refused requests write only a few lines.
func TestAccessLogIsSampled(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	p := harness.Start(t, "gateway", s.vars)
	url := "http://" + p.Address(t) + statusPath(uuid.NewString())
	requests := harness.Count(10_000, 2_000)
	began := time.Now()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range requests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer dead")
		res, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	p.Terminate(t)
	require.Equal(t, 0, p.Exit(t, waitLimit))
	lines := strings.Count(p.Stdout.String(), "\n")
	t.Logf("%d refused requests, %d lines", requests, lines)
	const starting = 10 // and stopping
	took := int(time.Since(began).Seconds())
	require.LessOrEqual(t, lines, starting+100*(took+2)+requests/100, "of each second the first hundred, then one of a hundred")
}
