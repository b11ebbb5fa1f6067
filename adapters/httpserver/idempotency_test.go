package httpserver_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const nlpRequest = `{"requested_pipeline":"nlp"}`

func TestRepeatGetsTheStoredAnswer(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
	first := startPipeline(t, w, nlpRequest, "Idempotency-Key: k 1")
	require.Equal(t, 202, first.StatusCode, first.body)
	assert.NotContains(t, first.Header, "Idempotent-Replayed")
	again := startPipeline(t, w, nlpRequest, "Idempotency-Key: k 1")
	require.Equal(t, 202, again.StatusCode)
	requireCommonHeaders(t, again)
	assert.Equal(t, first.body, again.body)
	assert.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
	assert.NotEqual(t, first.Header.Get("X-Correlation-ID"), again.Header.Get("X-Correlation-ID"))
	require.Len(t, w.platform.Commands(), 1)

	r := startPipeline(t, w, nlpRequest+" ", "Idempotency-Key: k 1")
	requireError(t, r, 409, "INVALID_REQUEST")
	assert.Empty(t, r.Header.Get("Retry-After"))

	assert.NotContains(t, startPipeline(t, w, nlpRequest, "Idempotency-Key: k 2").Header, "Idempotent-Replayed")
	assert.NotContains(t, startPipeline(t, w, nlpRequest).Header, "Idempotent-Replayed")
	require.Len(t, w.platform.Commands(), 3)
}

func TestIdempotencyKeyBelongsToUserAndPath(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
	w.platform.AddBatch("b2", domain.BatchReport{Owner: "u1"})
	require.Equal(t, 202, startPipeline(t, w, nlpRequest, "Idempotency-Key: k").StatusCode)
	r := call(t, "POST", w.base+"/v1/batches/b2/pipelines", nlpRequest, "Idempotency-Key: k", "Authorization: Bearer u1")
	require.Equal(t, 202, r.StatusCode)
	require.Len(t, w.platform.Commands(), 2)
	r = call(t, "POST", w.base+"/v1/batches/b1/pipelines", nlpRequest, "Idempotency-Key: k", "Authorization: Bearer u2")
	require.Equal(t, 403, r.StatusCode, "the stored answer belongs to its user")
}

func TestInvalidIdempotencyKeysAreRefused(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
	for _, headers := range [][]string{
		{"Idempotency-Key: "},
		{"Idempotency-Key: " + strings.Repeat("k", 129)},
		{"Idempotency-Key: kä"},
		{"Idempotency-Key: a\tb"},
		{"Idempotency-Key: a", "Idempotency-Key: a"},
	} {
		r := startPipeline(t, w, nlpRequest, headers...)
		f := requireError(t, r, 400, "VALIDATION_ERROR")
		assert.Equal(t, "Idempotency-Key", f.Details["field"])
	}
	assert.Empty(t, w.platform.Commands())
}

func TestIdempotencyKeyIsFreeAfterARefusal(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
	w.platform.SetPreflight("b1", ports.PreflightResult{Refusal: &ports.Passthrough{Status: 402, Body: []byte(`{}`)}})
	require.Equal(t, 402, startPipeline(t, w, nlpRequest, "Idempotency-Key: k").StatusCode)
	require.Equal(t, 422, startPipeline(t, w, `{}`, "Idempotency-Key: k").StatusCode)
	w.platform.SetPreflight("b1", ports.PreflightResult{Allowed: true})
	require.Equal(t, 202, startPipeline(t, w, nlpRequest, "Idempotency-Key: k").StatusCode)
	require.Len(t, w.platform.Commands(), 1)
}

// blockedPublisher publishes when release is closed.
type blockedPublisher struct{ started, release chan struct{} }

func (s blockedPublisher) Publish(context.Context, domain.Command) error {
	close(s.started)
	<-s.release
	return nil
}

func TestRunningIdempotencyKeyIsAConflict(t *testing.T) {
	t.Parallel()
	s := blockedPublisher{make(chan struct{}), make(chan struct{})}
	w := newEnvironment(t, func(w *environment, p *httpserver.GatewayParts) {
		w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1"})
		p.Pipelines = w.pipelines(p.Batches, s)
	})
	first := dial(t, w.Addr(), posted("/v1/batches/b1/pipelines", bearer+"\r\nIdempotency-Key: k\r\n", nlpRequest))
	<-s.started
	r := startPipeline(t, w, nlpRequest, "Idempotency-Key: k")
	close(s.release)
	requireError(t, r, 409, domain.InvalidRequest)
	assert.Equal(t, "1", r.Header.Get("Retry-After"))
	answer := first.read()
	again := startPipeline(t, w, nlpRequest, "Idempotency-Key: k")
	assert.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
	assert.Equal(t, answer.body, again.body)
}
