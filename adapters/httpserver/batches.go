package httpserver

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// batchStatus reports on one batch; the platform's document goes through byte
// for byte.
func (g *gateway) batchStatus(c *gin.Context) error {
	id, err := batchID(c)
	if err != nil {
		return err
	}
	view, err := g.Batches.Status(c.Request.Context(), requestStateOf(c).caller, id)
	if err != nil {
		return err
	}
	head := append(make([]byte, 0, 64), `{"status":"`...)
	head = append(head, view.Status...)
	head = append(head, `","details":`...)
	g.writeResponse(c, http.StatusOK, g.fixedHeaders.json, head, view.Details, []byte{'}'})
	return nil
}

// listBatches reports on a page of the caller's batches.
func (g *gateway) listBatches(c *gin.Context) error {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return domain.Invalid("query", "", "key=value pairs, percent-encoded", "Invalid query").WithCause(err)
	}
	query, err := batchQuery(values)
	if err != nil {
		return err
	}
	page, err := g.Batches.List(c.Request.Context(), requestStateOf(c).caller, query)
	if err != nil {
		return err
	}
	g.writeResponse(c, http.StatusOK, g.fixedHeaders.json, appendPage(page, query))
	return nil
}

func appendPage(page domain.BatchPage, q domain.BatchQuery) []byte {
	size := 128
	for _, d := range page.Batches {
		size += len(d) + 1
	}
	b := append(make([]byte, 0, size), `{"batches":[`...)
	for i, d := range page.Batches {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, d...)
	}
	b = append(b, `],"pagination":{"limit":`...)
	b = strconv.AppendInt(b, int64(q.Limit), 10)
	b = append(b, `,"offset":`...)
	b = strconv.AppendInt(b, int64(q.Offset), 10)
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, int64(page.Total), 10)
	return append(b, `}}`...)
}
