package world

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"github.com/huleedu/edge/domain"
)

// orchestratorRoutes is the batch orchestrator's HTTP side.
func (p *Platform) orchestratorRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("POST /v1/batches/register", p.asTold(p.register))
	mux.HandleFunc("PATCH /v1/batches/{id}/prompt", p.asTold(p.setPrompt))
	mux.HandleFunc("POST /internal/v1/batches/{id}/pipelines/{pipeline}/preflight", p.guarded(p.preflight))
	return mux
}

// maxBody bounds, in bytes, what the orchestrator reads of a request.
const maxBody = 1 << 20

func (p *Platform) register(w http.ResponseWriter, r *http.Request) {
	user, ok := asUser(w, r)
	if !ok {
		return
	}
	var in struct {
		Count  int             `json:"expected_essay_count"`
		User   string          `json:"user_id"`
		Prompt json.RawMessage `json:"student_prompt_ref"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in) != nil || in.Count < 1 || in.User != user {
		fail(w, http.StatusBadRequest, "Invalid registration")
		return
	}
	d := newDocument(Batch{
		ID: p.registry.newID(), Owner: domain.UserID(user), Overall: awaitingContent, Essays: in.Count,
	})
	d.PromptRef = in.Prompt
	p.registry.put(d)
	answer(w, http.StatusAccepted, map[string]any{
		"batch_id": d.BatchID, "correlation_id": r.Header.Get("X-Correlation-ID"), "status": "registered",
	})
}

func (p *Platform) setPrompt(w http.ResponseWriter, r *http.Request) {
	user, ok := asUser(w, r)
	if !ok {
		return
	}
	var in struct {
		Prompt json.RawMessage `json:"student_prompt_ref"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in) != nil || len(in.Prompt) == 0 {
		fail(w, http.StatusBadRequest, "student_prompt_ref is required")
		return
	}
	id := domain.BatchID(r.PathValue("id"))
	status, problem := http.StatusNotFound, "Batch not found"
	p.registry.change(id, func(d *batchDocument) {
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
		fail(w, status, problem)
		return
	}
	answer(w, status, map[string]any{"status": "success", "batch_id": id, "student_prompt_ref": in.Prompt})
}

// PreflightAnswer is an answer of the orchestrator, given as it is.
type PreflightAnswer struct {
	Status      int
	ContentType string
	RetryAfter  string
	Body        []byte
}

// Decide fixes the answer to the preflights of a batch, known or not.
func (p *Platform) Decide(id domain.BatchID, a PreflightAnswer) {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	p.registry.verdicts[id] = a
}

// AnswerRegistry fixes the answer to all registrations and prompts.
func (p *Platform) AnswerRegistry(a PreflightAnswer) {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	p.registry.fixed = &a
}

// asTold answers what AnswerRegistry fixed, if it did.
func (p *Platform) asTold(next http.HandlerFunc) http.HandlerFunc {
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

func (a PreflightAnswer) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.ContentType)
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// preflightVerdict is what the orchestrator thinks of starting a pipeline.
type preflightVerdict struct {
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
	if _, ok := asUser(w, r); !ok {
		return
	}
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
	id, pipeline := domain.BatchID(r.PathValue("id")), domain.Pipeline(r.PathValue("pipeline"))
	if fixed, ok := p.decided(id); ok {
		fixed.write(w)
		return
	}
	if !slices.Contains(domain.Pipelines(), pipeline) {
		fail(w, http.StatusBadRequest, "Unknown pipeline")
		return
	}
	status, problem := http.StatusNotFound, "Batch not found"
	v := preflightVerdict{Batch: id, Pipeline: pipeline, Correlation: r.Header.Get("X-Correlation-ID")}
	p.registry.change(id, func(d *batchDocument) {
		p.registry.weigh(d, &v)
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
		fail(w, status, problem)
		return
	}
	answer(w, status, v)
}

func (p *Platform) decided(id domain.BatchID) (PreflightAnswer, bool) {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	a, ok := p.registry.verdicts[id]
	return a, ok
}

// weigh sets what a pipeline costs, and whether its owner can pay; the lock is
// held. What machines do is free, what a model does is paid per essay.
func (r *registry) weigh(d *batchDocument, v *preflightVerdict) {
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
