package httpserver

import "net/http"

// tables returns all routes of the notification service. The routes of the connections
// need no caller, because their handlers verify the token, which is not always in a header.
func (w *sockets) tables() routeTables {
	return routeTables{service: []routeDef{
		{http.MethodGet, "/ws", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/ws/", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/events", Anyone, LimitNone, w.stream},
		{http.MethodGet, "/healthz/redis", Anyone, LimitNone, w.redisHealth},
		{http.MethodGet, "/healthz/websocket", Anyone, LimitNone, w.socketHealth},
	}, alive: routeDef{http.MethodGet, "/healthz", Anyone, LimitNone, w.health}, admin: adminRoutes(w.ready, w.Metrics)}
}
