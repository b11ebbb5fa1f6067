package httpserver

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// dependencyState is the public health of a dependency.
type dependencyState struct {
	Status domain.Condition `json:"status"`
	Note   string           `json:"note"`
}

// readiness answers /readyz. A node that is not ready answers with the standard
// error.
func (s *responder) readiness(c *gin.Context, r *app.Readiness) error {
	report := r.Check(c.Request.Context())
	parts := make(map[string]dependencyState, len(report.Dependencies))
	status := "ready"
	for _, p := range report.Dependencies {
		parts[p.Name] = dependencyState{p.Condition, p.Note}
		if p.Condition != domain.Healthy {
			status = string(domain.Degraded)
		}
	}
	if !report.Ready {
		return notReady(s.service, report.Phase, parts)
	}
	return s.writeJSON(c, struct {
		Service      domain.Service             `json:"service"`
		Status       string                     `json:"status"`
		Dependencies map[string]dependencyState `json:"dependencies"`
	}{s.service, status, parts})
}

func notReady(service domain.Service, phase app.Phase, parts map[string]dependencyState) *domain.Error {
	e := domain.Unavailable(string(service), time.Second)
	switch phase {
	case app.Starting:
		e.Message, e.Details["phase"] = "Service is starting", "starting"
	case app.Draining:
		e.Message, e.Details["phase"] = "Service is draining", "draining"
	case app.Serving:
		e.Message, e.Details["phase"] = "Service cannot do its work", "serving"
	}
	if len(parts) > 0 {
		e.Details["dependencies"] = parts
	}
	return e
}
