package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// hangingPrefix is the prefix of batch ids for which the backend never responds.
const hangingPrefix = "hang-"

// backend counts the requests for hanging batches. GET /metrics returns the count.
type backend struct{ waiting atomic.Int64 }

// newBackend returns a handler that replaces every service behind the gateway. It
// does little work, so that it does not limit the measurement.
func newBackend() http.Handler {
	var b backend
	mux := http.NewServeMux()
	mux.HandleFunc("GET /internal/v1/batches/{id}/status", b.status)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, fmt.Sprintf("bench_waiting %d\n", b.waiting.Load()))
	})
	mux.HandleFunc("POST /internal/v1/batches/{id}/pipelines/{pipeline}/preflight", preflight)
	mux.HandleFunc("POST /v1/files/batch", discardUpload)
	return mux
}

// status responds with a report of about 600 bytes. The caller owns the batch.
func (b *backend) status(w http.ResponseWriter, r *http.Request) {
	id, owner := r.PathValue("id"), r.Header.Get("X-User-Id")
	if strings.HasPrefix(id, hangingPrefix) {
		b.waiting.Add(1)
		<-r.Context().Done()
		b.waiting.Add(-1)
		return
	}
	if owner == "" {
		owner = "unknown"
	}
	respond(w, http.StatusOK, `{"batch_id":"`+id+`","user_id":"`+owner+`","assignment_id":null,`+
		`"overall_status":"processing_pipelines","essay_count":30,"completed_essay_count":21,"failed_essay_count":2,`+
		`"requested_pipeline":"cj_assessment","current_phase":"CJ_ASSESSMENT","created_at":"2026-01-02T08:00:00",`+
		`"last_updated":"2026-01-02T08:21:40","essays":[`+
		`{"essay_id":"8d0c9a52-51f2-4a6e-9f40-3a1f1f7f0c01","filename":"first.docx","spellcheck_status":"completed","cj_rank":7},`+
		`{"essay_id":"8d0c9a52-51f2-4a6e-9f40-3a1f1f7f0c02","filename":"second.docx","spellcheck_status":"failed","cj_rank":null}]}`)
}

func preflight(w http.ResponseWriter, r *http.Request) {
	respond(w, http.StatusOK, fmt.Sprintf(`{"allowed":true,"batch_id":%q,"requested_pipeline":%q,"resolved_pipeline":[],`+
		`"required_credits":30,"available_credits":900,"resource_breakdown":{}}`, r.PathValue("id"), r.PathValue("pipeline")))
}

// discardUpload reads an upload and discards it.
func discardUpload(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return // the gateway has closed the connection
	}
	respond(w, http.StatusAccepted, fmt.Sprintf(`{"message":"received %d bytes","batch_id":"b","correlation_id":"c"}`, n))
}

func respond(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may have disconnected
}
