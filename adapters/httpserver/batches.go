package httpserver

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/domain"
)

// batchStatus answers with the status of one batch and the platform's document, byte for
// byte.
func (g *gateway) batchStatus(c *gin.Context) error {
	id, err := batchID(c)
	if err != nil {
		return err
	}
	view, err := g.Batches.Status(c.Request.Context(), requestStateOf(c).caller, id)
	if err != nil {
		return err
	}
	head := []byte(`{"status":"` + string(view.Status) + `","details":`)
	g.writeResponse(c, http.StatusOK, contentJSON, head, view.Details, []byte{'}'})
	return nil
}

// listBatches answers with a page of the caller's batches.
func (g *gateway) listBatches(c *gin.Context) error {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return domain.Invalid("query", "", "key=value pairs, percent-encoded", "Invalid query").WithCause(err)
	}
	query, err := decode.BatchQuery(values)
	if err != nil {
		return err
	}
	page, err := g.Batches.List(c.Request.Context(), requestStateOf(c).caller, query)
	if err != nil {
		return err
	}
	parts := [][]byte{[]byte(`{"batches":[`)}
	for i, batch := range page.Batches {
		if i > 0 {
			parts = append(parts, []byte{','})
		}
		parts = append(parts, batch)
	}
	parts = append(parts, fmt.Appendf(nil, `],"pagination":{"limit":%d,"offset":%d,"total":%d}}`, query.Limit, query.Offset, page.Total))
	g.writeResponse(c, http.StatusOK, contentJSON, parts...)
	return nil
}

// batchID returns the batch id in the path: 1-255 characters that are not all blank.
func batchID(c *gin.Context) (domain.BatchID, error) {
	id, _ := url.PathUnescape(c.Param("batch_id")) // requireSafePath has checked that it decodes
	if strings.TrimSpace(id) == "" || utf8.RuneCountInString(id) > decode.MaxBatchID {
		return "", domain.Invalid("batch_id", id, "1 to 255 characters", "Invalid batch ID")
	}
	return domain.BatchID(id), nil
}
