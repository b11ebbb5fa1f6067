package world

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"github.com/huleedu/edge/domain"
)

// orchestratorRoutes returns the HTTP routes of the batch orchestrator.
func (p *Platform) orchestratorRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("POST /v1/batches/register", p.fixedOr(p.register))
	mux.HandleFunc("PATCH /v1/batches/{id}/prompt", p.fixedOr(p.setPrompt))
	mux.HandleFunc("POST /internal/v1/batches/{id}/pipelines/{pipeline}/preflight", p.requireInternalKey(p.preflight))
	return mux
}

// maxBody limits a request body, in bytes.
const maxBody = 1 << 20

func (p *Platform) register(w http.ResponseWriter, r *http.Request) {
	user, ok := requireUser(w, r)
	if !ok {
		return
	}
	var in struct {
		Count  int             `json:"expected_essay_count"`
		User   string          `json:"user_id"`
		Prompt json.RawMessage `json:"student_prompt_ref"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in) != nil || in.Count < 1 || in.User != user {
		respondError(w, http.StatusBadRequest, "Invalid registration")
		return
	}
	d := newDocument(Batch{
		ID: p.registry.newID(), Owner: domain.UserID(user), Overall: awaitingContent, Essays: in.Count,
	})
	d.PromptRef = in.Prompt
	p.registry.put(d)
	respond(w, http.StatusAccepted, map[string]any{
		"batch_id": d.BatchID, "correlation_id": r.Header.Get("X-Correlation-ID"), "status": "registered",
	})
}

func (p *Platform) setPrompt(w http.ResponseWriter, r *http.Request) {
	user, ok := requireUser(w, r)
	if !ok {
		return
	}
	var in struct {
		Prompt json.RawMessage `json:"student_prompt_ref"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in) != nil || len(in.Prompt) == 0 {
		respondError(w, http.StatusBadRequest, "student_prompt_ref is required")
		return
	}
	id := domain.BatchID(r.PathValue("id"))
	status, problem := http.StatusNotFound, "Batch not found"
	p.registry.update(id, func(d *batchDocument) {
		switch {
		case string(d.UserID) != user:
			status, problem = http.StatusForbidden, "Batch not owned by user"
		case d.Overall == running:
			status, problem = http.StatusConflict, "Batch is being processed"
		default:
			d.PromptRef, status = in.Prompt, http.StatusOK
		}
	})
	if status != http.StatusOK {
		respondError(w, status, problem)
		return
	}
	respond(w, status, map[string]any{"status": "success", "batch_id": id, "student_prompt_ref": in.Prompt})
}

// FixedResponse is a fixed response that a service sends unchanged.
type FixedResponse struct {
	Status      int
	ContentType string
	RetryAfter  string
	Body        []byte
}

// SetPreflightResponse sets a fixed response to the preflight requests of a batch.
func (p *Platform) SetPreflightResponse(id domain.BatchID, a FixedResponse) {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	p.registry.preflights[id] = a
}

// SetRegistrationResponse sets a fixed response to all registration and prompt requests.
func (p *Platform) SetRegistrationResponse(a FixedResponse) {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	p.registry.fixed = &a
}

// fixedOr sends the response that SetRegistrationResponse has set, or calls next.
func (p *Platform) fixedOr(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.registry.mu.Lock()
		fixed := p.registry.fixed
		p.registry.mu.Unlock()
		if fixed == nil {
			next(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
		fixed.write(w)
	}
}

func (a FixedResponse) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.ContentType)
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// preflightResult is the body of a preflight response.
type preflightResult struct {
	Allowed     bool            `json:"allowed"`
	Denial      string          `json:"denial_reason,omitempty"`
	Batch       domain.BatchID  `json:"batch_id"`
	Pipeline    domain.Pipeline `json:"requested_pipeline"`
	Resolved    []phase         `json:"resolved_pipeline"`
	Required    int             `json:"required_credits"`
	Available   int             `json:"available_credits"`
	Breakdown   map[phase]int   `json:"resource_breakdown"`
	Correlation string          `json:"correlation_id"`
}

func (p *Platform) preflight(w http.ResponseWriter, r *http.Request) {
	if _, ok := requireUser(w, r); !ok {
		return
	}
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
	id, pipeline := domain.BatchID(r.PathValue("id")), domain.Pipeline(r.PathValue("pipeline"))
	if fixed, ok := p.preflightResponse(id); ok {
		fixed.write(w)
		return
	}
	if !slices.Contains(domain.Pipelines(), pipeline) {
		respondError(w, http.StatusBadRequest, "Unknown pipeline")
		return
	}
	status, problem := http.StatusNotFound, "Batch not found"
	v := preflightResult{Batch: id, Pipeline: pipeline, Correlation: r.Header.Get("X-Correlation-ID")}
	p.registry.update(id, func(d *batchDocument) {
		p.registry.checkCredits(d, &v)
		switch {
		case !d.ready():
			status, problem = http.StatusConflict, "Batch is not ready for a pipeline"
		case !v.Allowed:
			status, problem = http.StatusPaymentRequired, ""
		default:
			status, problem = http.StatusOK, ""
		}
	})
	if problem != "" {
		respondError(w, status, problem)
		return
	}
	respond(w, status, v)
}

func (p *Platform) preflightResponse(id domain.BatchID) (FixedResponse, bool) {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	a, ok := p.registry.preflights[id]
	return a, ok
}

// checkCredits computes the cost of a pipeline and whether the owner has enough credits.
// The caller holds the lock.
func (r *registry) checkCredits(d *batchDocument, v *preflightResult) {
	v.Resolved, v.Breakdown, v.Available = phasesOf(v.Pipeline), map[phase]int{}, r.available(d.UserID)
	for _, step := range v.Resolved {
		if price := step.price(); price > 0 {
			v.Breakdown[step] = price * d.EssayCount
			v.Required += v.Breakdown[step]
		}
	}
	v.Allowed = v.Required <= v.Available
	if !v.Allowed {
		v.Denial = "insufficient_credits"
	}
}
