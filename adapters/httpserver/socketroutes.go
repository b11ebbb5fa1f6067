package httpserver

import "net/http"

// tables is everything that the notification service answers. The sockets'
// route lets anyone in: the upgrade itself judges the token, because a refusal
// is told through a close code.
func (w *sockets) tables() routeTables {
	return routeTables{service: []routeDef{
		{http.MethodGet, "/ws", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/ws/", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/healthz/redis", Anyone, LimitNone, w.redisHealth},
		{http.MethodGet, "/healthz/websocket", Anyone, LimitNone, w.socketHealth},
	}, alive: routeDef{http.MethodGet, "/healthz", Anyone, LimitNone, w.health}, admin: adminRoutes(w.ready, w.Metrics)}
}
