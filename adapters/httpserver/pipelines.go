package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// startPipeline publishes the command. It answers 202 only after the broker has
// confirmed the record.
func (g *gateway) startPipeline(c *gin.Context) error {
	id, err := batchID(c)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(c.Request.Header)
	if err != nil {
		return err
	}
	body, err := readJSON(c.Request, g.maxBody)
	if err != nil {
		return err
	}
	request, err := pipelineRequest(body, id)
	if err != nil {
		return err
	}
	x := requestStateOf(c)
	outcome, err := g.Pipelines.Start(c.Request.Context(), x.caller, request,
		app.IdempotentRequest{Key: key, Body: body, Response: accepted(id, x.trail)})
	if err != nil {
		return err
	}
	if outcome.Refusal != nil {
		g.writeReply(c, *outcome.Refusal)
		return nil
	}
	if outcome.Replayed {
		c.Writer.Header().Set("Idempotent-Replayed", "true")
	}
	g.writeResponse(c, http.StatusAccepted, g.fixedHeaders.json, outcome.Response)
	return nil
}

// idempotencyKey returns the client's Idempotency-Key, empty without the header. Two
// headers are an error.
func idempotencyKey(h http.Header) (string, error) {
	switch lines := h["Idempotency-Key"]; len(lines) {
	case 0:
		return "", nil
	case 1:
		return domain.ParseIdempotencyKey(lines[0])
	default:
		return domain.ParseIdempotencyKey("")
	}
}

func accepted(id domain.BatchID, trail domain.RequestContext) []byte {
	b := append(make([]byte, 0, 192), `{"status":"accepted","message":"Pipeline execution request received","batch_id":`...)
	b = appendQuoted(b, string(id))
	b = append(b, `,"correlation_id":"`...)
	b = append(b, trail.CorrelationID...)
	return append(b, `"}`...)
}
