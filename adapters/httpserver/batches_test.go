package httpserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestSchemaErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := startPipeline(t, w, `{"requested_pipeline":"<x>"}`)
	require.Equal(t, 422, r.StatusCode)
	f := requireStandardError(t, r, domain.GatewayService)
	assert.Equal(t, "VALIDATION_ERROR", f.Code)
	assert.Equal(t, "Input should be 'spellcheck', 'ai_feedback', 'cj_assessment', 'nlp' or 'student_matching'", f.Message)
	assert.Contains(t, r.body, `"input":"<x>"`)
}

func TestListOnTheWire(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	r := call(t, http.MethodGet, w.base+"/v1/batches", "", "Authorization: Bearer u1")
	assert.Equal(t, `{"batches":[],"pagination":{"limit":20,"offset":0,"total":0}}`, r.body)
	for _, id := range []domain.BatchID{"b1", "b2", "b3"} {
		w.platform.AddBatch(id, domain.BatchReport{Owner: "u1", Overall: "ready"})
	}
	r = call(t, http.MethodGet, w.base+"/v1/batches?limit=2&offset=1&status=ready", "", "Authorization: Bearer u1")
	require.Equal(t, 200, r.StatusCode)
	requireCommonHeaders(t, r)
	assert.Equal(t, `{"batches":[{"batch_id":"b2","overall_status":"ready"},{"batch_id":"b3","overall_status":"ready"}],`+
		`"pagination":{"limit":2,"offset":1,"total":3}}`, r.body)
	r = call(t, http.MethodGet, w.base+"/v1/batches?status=READY", "", "Authorization: Bearer u1")
	require.Equal(t, 400, r.StatusCode)
	f := requireStandardError(t, r, domain.GatewayService)
	assert.Equal(t, "VALIDATION_ERROR", f.Code)
	assert.Equal(t, "status", f.Details["field"])
	for _, query := range []string{"limit=%zz", "limit=1;offset=2", "limit=5&status=%"} {
		r = call(t, http.MethodGet, w.base+"/v1/batches?"+query, "", "Authorization: Bearer u1")
		require.Equal(t, 400, r.StatusCode, "%s: an invalid query is not the default query", query)
		assert.Equal(t, map[string]any{"field": "query", "expected": "key=value pairs, percent-encoded"}, requireStandardError(t, r, domain.GatewayService).Details)
	}
}

func TestStatusForwardsTheDocument(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	const document = `{ "batch_id" : "b1", "essays": [ 1.50, "\u00e5" ] ,"x":null}`
	w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "processing_pipelines", Document: []byte(document)})
	r := call(t, http.MethodGet, w.base+"/v1/batches/b1/status", "", "Authorization: Bearer u1")
	require.Equal(t, 200, r.StatusCode)
	assert.Equal(t, `{"status":"processing","details":`+document+`}`, r.body)
	r = call(t, http.MethodGet, w.base+"/v1/batches/b3/status", "", "Authorization: Bearer u1")
	require.Equal(t, 404, r.StatusCode)
	f := requireStandardError(t, r, domain.GatewayService)
	assert.Equal(t, "batch with ID 'b3' not found", f.Message)
	assert.Equal(t, map[string]any{"resource_type": "batch", "resource_id": "b3"}, f.Details)
}
