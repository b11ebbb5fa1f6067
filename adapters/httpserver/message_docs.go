package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/asyncapi"
	"github.com/huleedu/edge/api"
	"github.com/huleedu/edge/domain"
)

// messageDocs is the description of the notification service's messages.
type messageDocs struct {
	document []byte // AsyncAPI in JSON
	page     asyncapi.Page
}

// newMessageDocs converts the description to JSON and renders its page.
func newMessageDocs() (messageDocs, error) {
	document, err := documentJSON(api.AsyncAPI())
	if err != nil {
		return messageDocs{}, err
	}
	page, err := asyncapi.Render(document)
	if err != nil {
		return messageDocs{}, domain.NotStarted("page of the api description", err).WithOp("httpserver.newMessageDocs")
	}
	return messageDocs{document, page}, nil
}

func (w *sockets) asyncAPI(c *gin.Context) error {
	docs, err := w.docs()
	if err != nil {
		return err
	}
	w.writeResponse(c, http.StatusOK, contentJSON, docs.document)
	return nil
}

// asyncAPIPage serves a page that shows the description. The page loads nothing.
func (w *sockets) asyncAPIPage(c *gin.Context) error {
	docs, err := w.docs()
	if err != nil {
		return err
	}
	c.Writer.Header().Set("Content-Security-Policy", docs.page.Policy)
	w.writeResponse(c, http.StatusOK, contentHTML, docs.page.HTML)
	return nil
}
