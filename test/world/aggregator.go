package world

import (
	"net/http"
	"strconv"

	"github.com/huleedu/edge/domain"
)

// aggregatorRoutes returns the routes of the result aggregator.
func (p *Platform) aggregatorRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	// One pattern serves both routes, because "status" is a valid user id.
	mux.HandleFunc("GET /internal/v1/batches/{first}/{second}", p.requireInternalKey(func(w http.ResponseWriter, r *http.Request) {
		first, second := r.PathValue("first"), r.PathValue("second")
		switch {
		case first == "user":
			p.listBatches(w, r, domain.UserID(second))
		case second == "status":
			p.batchStatus(w, domain.BatchID(first))
		default:
			respondError(w, http.StatusNotFound, "Not found")
		}
	}))
	return mux
}

// batchStatus answers 400 for a batch that it has no record of, as the
// platform's own aggregator does until the registration event has reached it.
func (p *Platform) batchStatus(w http.ResponseWriter, id domain.BatchID) {
	document, known := p.registry.encoded(id)
	if !known {
		respondError(w, http.StatusBadRequest, "Invalid batch ID")
		return
	}
	respond(w, http.StatusOK, document)
}

func (p *Platform) listBatches(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	query := r.URL.Query()
	limit, badLimit := strconv.Atoi(query.Get("limit"))
	offset, badOffset := strconv.Atoi(query.Get("offset"))
	if badLimit != nil || badOffset != nil || limit < 1 || limit > 100 || offset < 0 {
		respondError(w, http.StatusBadRequest, "Invalid pagination")
		return
	}
	page, total := p.registry.list(user, query.Get("status"), limit, offset)
	respond(w, http.StatusOK, map[string]any{
		"batches":    page,
		"pagination": map[string]int{"limit": limit, "offset": offset, "total": total},
	})
}
