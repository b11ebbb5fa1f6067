package httpserver

import (
	"context"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// gatewayAlive is the body of the gateway's /healthz.
type gatewayAlive struct {
	Service      domain.Service     `json:"service"`
	Status       domain.Condition   `json:"status"`
	Message      string             `json:"message"`
	Version      string             `json:"version"`
	Checks       gatewayChecks      `json:"checks"`
	Dependencies gatewayNeeds       `json:"dependencies"`
	Environment  domain.Environment `json:"environment"`
}

type gatewayChecks struct {
	Responsive bool `json:"service_responsive"`
	Available  bool `json:"dependencies_available"`
}

type gatewayNeeds struct {
	Redis      state `json:"redis"`
	Downstream state `json:"downstream_services"`
}

// health says that the process lives, always with 200, and what it sees of
// what it needs.
func (g *gateway) health(c *gin.Context) error {
	needs := g.look(c.Request.Context())
	overall := domain.Healthy
	if needs.Redis.Status != domain.Healthy || needs.Downstream.Status != domain.Healthy {
		overall = domain.Degraded
	}
	return g.encode(c, gatewayAlive{
		Service: domain.GatewayService, Status: overall,
		Message: "API Gateway Service is " + string(overall), Version: domain.Version,
		Checks:       gatewayChecks{Responsive: true, Available: overall == domain.Healthy},
		Dependencies: needs, Environment: g.Environment,
	})
}

// look asks every dependency at once.
func (g *gateway) look(ctx context.Context) gatewayNeeds {
	needs := gatewayNeeds{Redis: state{domain.Healthy, "not used"}}
	seen := make([]domain.Health, len(g.Downstream))
	var asking sync.WaitGroup
	if g.Redis != nil {
		asking.Go(func() {
			h := g.Redis.Health(ctx)
			needs.Redis = state{h.Condition, h.Note}
		})
	}
	for i, probe := range g.Downstream {
		asking.Go(func() { seen[i] = probe.Health(ctx) })
	}
	asking.Wait()
	needs.Downstream = together(seen)
	return needs
}

// together sums up: the worst condition, and who is in it.
func together(all []domain.Health) state {
	sum, troubled := domain.Healthy, []string{}
	for _, h := range all {
		if h.Condition == domain.Healthy {
			continue
		}
		troubled = append(troubled, described(h))
		if sum != domain.Unhealthy {
			sum = h.Condition
		}
	}
	if len(troubled) == 0 {
		return state{sum, "all reachable"}
	}
	return state{sum, "in trouble: " + strings.Join(troubled, ", ")}
}

// described is a dependency's name with what it says of itself.
func described(h domain.Health) string {
	if h.Note == "" {
		return h.Name
	}
	return h.Name + " (" + h.Note + ")"
}

func (g *gateway) ready(c *gin.Context) error { return g.readiness(c, g.Readiness) }
