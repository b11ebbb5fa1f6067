package httpserver

import "net/http"

// tables returns all routes of the notification service. The route of the sockets
// needs no caller, because the upgrade verifies the token and reports a refusal by a
// close code.
func (w *sockets) tables() routeTables {
	return routeTables{service: []routeDef{
		{http.MethodGet, "/ws", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/ws/", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/healthz/redis", Anyone, LimitNone, w.redisHealth},
		{http.MethodGet, "/healthz/websocket", Anyone, LimitNone, w.socketHealth},
	}, alive: routeDef{http.MethodGet, "/healthz", Anyone, LimitNone, w.health}, admin: adminRoutes(w.ready, w.Metrics)}
}
