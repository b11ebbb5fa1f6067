package httpserver

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// upgrade passes the connection to the socket handler. A refusal before the switch of
// protocols is answered like any other error.
func (w *sockets) upgrade(c *gin.Context) error {
	if c.Request.Method != http.MethodGet {
		return upgradeRequired()
	}
	outcome, err := w.Upgrade(c.Writer, c.Request)
	if err != nil {
		return err
	}
	x := requestStateOf(c)
	x.status, x.handshake = http.StatusSwitchingProtocols, outcome
	x.caller.User = outcome.User
	return nil
}

// stream answers with an event stream. The stream continues after the handler, on the
// hijacked connection.
func (w *sockets) stream(c *gin.Context) error {
	outcome, err := w.Stream(c.Writer, c.Request)
	x := requestStateOf(c)
	x.caller.User = outcome.User
	if err == nil {
		x.status = http.StatusOK
	}
	return err
}

func upgradeRequired() *domain.Error {
	return &domain.Error{
		Code: domain.InvalidRequest, Reason: httpreason.UpgradeRequired,
		Message: "This endpoint speaks the WebSocket protocol",
	}
}

// webSocketHealth is the body of /healthz.
type webSocketHealth struct {
	Service     domain.Service     `json:"service"`
	Status      domain.Condition   `json:"status"`
	Message     string             `json:"message"`
	Environment domain.Environment `json:"environment"`
	Timestamp   string             `json:"timestamp"`
	Uptime      int64              `json:"uptime_seconds"`
}

// health answers /healthz. It reports only that the process runs.
func (w *sockets) health(c *gin.Context) error {
	return w.writeJSON(c, webSocketHealth{
		Service: domain.WebSocketService, Status: domain.Healthy, Message: "WebSocket Service is healthy",
		Environment: w.Environment, Timestamp: time.Now().UTC().Format(timestampLayout),
		Uptime: int64(time.Since(w.startedAt).Seconds()),
	})
}

// redisHealth answers with the health of Redis. The body of its failure has the standard
// error as one member.
func (w *sockets) redisHealth(c *gin.Context) error {
	h := w.redis.Health(c.Request.Context())
	if h.Condition == domain.Unhealthy {
		w.redisDown(c, domain.Unreachable("redis", h.Err).WithOp("httpserver.redisHealth"))
		return nil
	}
	return w.writeJSON(c, struct {
		Service string           `json:"service"`
		Status  domain.Condition `json:"status"`
		URL     string           `json:"url"`
	}{"redis", h.Condition, w.RedisAddress})
}

func (w *sockets) redisDown(c *gin.Context, e *domain.Error) {
	status := w.recordError(requestStateOf(c), e)
	setErrorHeaders(c.Writer.Header(), e, status)
	w.writeResponse(c, status, contentJSON, []byte(`{"service":"redis","status":"unhealthy","error":`), w.errorBody(c, e), []byte(`}`))
}

// socketHealth answers with the number of connections of this node.
func (w *sockets) socketHealth(c *gin.Context) error {
	total := 0
	for _, m := range w.Managers {
		total += m.Total()
	}
	return w.writeJSON(c, struct {
		Service string           `json:"service"`
		Status  domain.Condition `json:"status"`
		Total   int              `json:"total_connections"`
		PerUser int              `json:"max_connections_per_user"`
	}{"websocket_manager", domain.Healthy, total, w.SocketsPerUser})
}

func (w *sockets) ready(c *gin.Context) error { return w.readiness(c, w.Readiness) }
