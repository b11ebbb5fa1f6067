package httpserver

import "net/http"

// tables is everything that the notification service answers. The sockets'
// route lets anyone in: the upgrade itself judges the token, because a refusal
// is told through a close code.
func (w *sockets) tables() tables {
	return tables{own: []row{
		{http.MethodGet, "/ws", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/ws/", Anyone, LimitNone, w.upgrade},
		{http.MethodGet, "/healthz/redis", Anyone, LimitNone, w.redisHealth},
		{http.MethodGet, "/healthz/websocket", Anyone, LimitNone, w.socketHealth},
	}, alive: row{http.MethodGet, "/healthz", Anyone, LimitNone, w.health}, operators: forOperators(w.ready, w.Metrics)}
}
