package httpserver

import "net/http"

// tables returns all routes of the notification service. The routes of the connections
// need no caller, because their handlers verify the token, which is not always in a header.
func (w *sockets) tables() routeTables {
	table := []routeDef{
		{http.MethodGet, "/ws", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/ws/", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/events", Anyone, LimitNone, w.stream},
		{http.MethodGet, "/healthz/redis", Anyone, LimitNone, w.redisHealth},
		{http.MethodGet, "/healthz/websocket", Anyone, LimitNone, w.socketHealth},
	}
	if served, _ := docsServed(w.Config.Docs, w.Environment); served {
		table = append(table,
			routeDef{http.MethodGet, "/asyncapi.json", Anyone, LimitNone, w.asyncAPI},
			routeDef{http.MethodGet, "/asyncapi", Anyone, LimitNone, w.asyncAPIPage})
	}
	return routeTables{
		service: table, alive: routeDef{http.MethodGet, "/healthz", Anyone, LimitNone, w.health}, admin: adminRoutes(w.ready, w.Metrics),
		operators: w.operatorTable(w.Config.AdminToken, w.Operators, "/admin/users/{user_id}/connections", connections),
	}
}
