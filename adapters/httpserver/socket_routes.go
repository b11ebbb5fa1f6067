package httpserver

import "net/http"

// tables returns all routes of the notification service. The route of the sockets
// needs no caller, because the upgrade verifies the token and reports a refusal by a
// close code.
func (w *sockets) tables() routeTables {
	table := []routeDef{
		{http.MethodGet, "/ws", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/ws/", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/healthz/redis", Anyone, LimitNone, w.redisHealth},
		{http.MethodGet, "/healthz/websocket", Anyone, LimitNone, w.socketHealth},
	}
	if served, _ := docsServed(w.Config.Docs, w.Environment); served {
		table = append(table,
			routeDef{http.MethodGet, "/asyncapi.json", Anyone, LimitNone, w.asyncAPI},
			routeDef{http.MethodGet, "/asyncapi", Anyone, LimitNone, w.asyncAPIPage})
	}
	return routeTables{service: table, alive: routeDef{http.MethodGet, "/healthz", Anyone, LimitNone, w.health}, admin: adminRoutes(w.ready, w.Metrics)}
}
