package httpserver

import (
	"net/http"

	"github.com/huleedu/edge/domain"
)

// tables returns all routes of the gateway.
func (g *gateway) tables() routeTables {
	return routeTables{
		service:   g.routes(),
		alive:     routeDef{http.MethodGet, "/healthz", Anyone, LimitNone, g.health},
		admin:     adminRoutes(g.ready, g.Metrics),
		operators: g.operatorTable(g.Config.AdminToken, g.Operators, "/admin/circuits", circuits),
	}
}

func (g *gateway) routes() []routeDef {
	table := []routeDef{
		{http.MethodGet, "/v1/batches", User, domain.LimitQueries, g.withMemoryLease(g.listBatches)},
		{http.MethodGet, "/v1/batches/{batch_id}/status", User, domain.LimitQueries, g.withMemoryLease(g.batchStatus)},
		{http.MethodPost, "/v1/batches/{batch_id}/pipelines", User, domain.LimitCommands, g.withMemoryLease(g.startPipeline)},
		{http.MethodPost, "/v1/batches/register", User, domain.LimitCommands, g.withMemoryLease(g.register)},
		{http.MethodPatch, "/v1/batches/{batch_id}/prompt", User, domain.LimitCommands, g.withMemoryLease(g.setPrompt)},
		{http.MethodPost, "/v1/files/batch", User, domain.LimitUploads, g.withMemoryLease(g.uploadFiles)},
	}
	table = append(table, forwarded("/v1/classes", g.forward(g.classes))...)
	table = append(table, forwarded("/v1/classes/{path}", g.forward(g.classes))...)
	table = append(table, forwarded("/bff/v1/teacher/{path}", g.forward(g.teacher))...)
	if g.Environment != domain.Production {
		table = append(table,
			routeDef{http.MethodGet, "/v1/test/no-auth", Anyone, domain.LimitDefault, g.tryAnonymous},
			routeDef{http.MethodGet, "/v1/test/with-auth", User, domain.LimitDefault, g.tryIdentified})
	}
	if served, _ := docsServed(g.Config.Docs, g.Environment); served {
		table = append(table,
			routeDef{http.MethodGet, "/openapi.json", Anyone, LimitNone, g.openAPI},
			routeDef{http.MethodGet, "/docs", Anyone, LimitNone, g.docsPage},
			routeDef{http.MethodGet, "/docs/{file}", Anyone, LimitNone, g.docsFile},
			routeDef{http.MethodGet, "/redoc", Anyone, LimitNone, g.docsPage})
	}
	return table
}

// forwarded returns the routes of a forwarded path. addRoutes adds HEAD for GET.
func forwarded(path string, handle handler) []routeDef {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	rows := make([]routeDef, 0, len(methods))
	for _, method := range methods {
		rows = append(rows, routeDef{method, path, User, domain.LimitDefault, handle})
	}
	return rows
}
