package httpserver

import (
	"context"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// gatewayHealth is the body of the gateway's /healthz.
type gatewayHealth struct {
	Service      domain.Service      `json:"service"`
	Status       domain.Condition    `json:"status"`
	Message      string              `json:"message"`
	Version      string              `json:"version"`
	Checks       gatewayChecks       `json:"checks"`
	Dependencies gatewayDependencies `json:"dependencies"`
	Environment  domain.Environment  `json:"environment"`
}

type gatewayChecks struct {
	Responsive bool `json:"service_responsive"`
	Available  bool `json:"dependencies_available"`
}

type gatewayDependencies struct {
	Redis      dependencyState `json:"redis"`
	Downstream dependencyState `json:"downstream_services"`
}

// health answers /healthz, always with 200, with the health of all dependencies.
func (g *gateway) health(c *gin.Context) error {
	needs := g.checkDependencies(c.Request.Context())
	overall := domain.Healthy
	if needs.Redis.Status != domain.Healthy || needs.Downstream.Status != domain.Healthy {
		overall = domain.Degraded
	}
	return g.writeJSON(c, gatewayHealth{
		Service: domain.GatewayService, Status: overall,
		Message: "API Gateway Service is " + string(overall), Version: domain.Version,
		Checks:       gatewayChecks{Responsive: true, Available: overall == domain.Healthy},
		Dependencies: needs, Environment: g.Environment,
	})
}

// checkDependencies runs all health probes concurrently.
func (g *gateway) checkDependencies(ctx context.Context) gatewayDependencies {
	needs := gatewayDependencies{Redis: dependencyState{domain.Healthy, "not used"}}
	seen := make([]domain.Health, len(g.Downstream))
	var asking sync.WaitGroup
	if g.Redis != nil {
		asking.Go(func() {
			h := g.Redis.Health(ctx)
			needs.Redis = dependencyState{h.Condition, h.Note}
		})
	}
	for i, probe := range g.Downstream {
		asking.Go(func() { seen[i] = probe.Health(ctx) })
	}
	asking.Wait()
	needs.Downstream = summarize(seen)
	return needs
}

// summarize returns the worst condition and the dependencies that are not healthy.
func summarize(all []domain.Health) dependencyState {
	sum, troubled := domain.Healthy, []string{}
	for _, h := range all {
		if h.Condition == domain.Healthy {
			continue
		}
		troubled = append(troubled, describe(h))
		if sum != domain.Unhealthy {
			sum = h.Condition
		}
	}
	if len(troubled) == 0 {
		return dependencyState{sum, "all reachable"}
	}
	return dependencyState{sum, "in trouble: " + strings.Join(troubled, ", ")}
}

// describe returns a dependency's name and note.
func describe(h domain.Health) string {
	if h.Note == "" {
		return h.Name
	}
	return h.Name + " (" + h.Note + ")"
}

func (g *gateway) ready(c *gin.Context) error { return g.readiness(c, g.Readiness) }
