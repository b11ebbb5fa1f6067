package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// acceptance is the body of the answer to an accepted pipeline request.
type acceptance struct {
	Status        string         `json:"status"`
	Message       string         `json:"message"`
	BatchID       domain.BatchID `json:"batch_id"`
	CorrelationID string         `json:"correlation_id"`
}

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
	body, err := decode.ReadJSON(c.Request, g.Config.MaxBodyBytes)
	if err != nil {
		return err
	}
	request, err := decode.PipelineRequest(body, id)
	if err != nil {
		return err
	}
	x := requestStateOf(c)
	accepted, err := domain.EncodeJSON(acceptance{"accepted", "Pipeline execution request received", id, x.ids.CorrelationID})
	if err != nil {
		return domain.Unknown(err).WithOp("httpserver.startPipeline")
	}
	outcome, err := g.Pipelines.Start(c.Request.Context(), x.caller, request,
		app.IdempotentRequest{Key: key, Body: body, Response: accepted})
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
	g.writeResponse(c, http.StatusAccepted, contentJSON, outcome.Response)
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
