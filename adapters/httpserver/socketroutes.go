package httpserver

import "net/http"

// routes is everything that the notification service answers. The sockets'
// route lets anyone in: the upgrade itself judges the token, because a refusal
// is told through a close code.
func (w *sockets) routes() []row {
	table := []row{
		{http.MethodGet, "/ws", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/ws/", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/healthz", Anyone, LimitNone, w.health},
		{http.MethodGet, "/healthz/redis", Anyone, LimitNone, w.redisHealth},
		{http.MethodGet, "/healthz/websocket", Anyone, LimitNone, w.socketHealth},
		{http.MethodGet, "/readyz", Anyone, LimitNone, w.ready},
	}
	if w.Metrics != nil {
		table = append(table, row{http.MethodGet, "/metrics", Anyone, LimitNone, mounted(w.Metrics)})
	}
	return table
}
