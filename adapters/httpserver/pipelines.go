package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// startPipeline turns the request into a command. It answers 202 only once the
// command is safe.
func (g *gateway) startPipeline(c *gin.Context) error {
	id, err := batchID(c)
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
	refusal, err := g.Pipelines.Start(c.Request.Context(), exchangeOf(c).caller, request)
	if err != nil {
		return err
	}
	if refusal != nil {
		g.pass(c, refusal)
		return nil
	}
	g.write(c, http.StatusAccepted, g.fixed.json, accepted(id, exchangeOf(c).trail))
	return nil
}

func accepted(id domain.BatchID, trail domain.Trail) []byte {
	b := append(make([]byte, 0, 192), `{"status":"accepted","message":"Pipeline execution request received","batch_id":`...)
	b = appendQuoted(b, string(id))
	b = append(b, `,"correlation_id":"`...)
	b = append(b, trail.Correlation...)
	return append(b, `"}`...)
}
