package httpserver

import (
	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/proxy"
)

// forward returns the handler that passes requests on to a service.
func (g *gateway) forward(to *proxy.Backend) handler {
	return func(c *gin.Context) error { return g.forwarder.Forward(c.Writer, proxyRequest(c), to) }
}

// uploadFiles passes a form on to the file service and its answer back.
func (g *gateway) uploadFiles(c *gin.Context) error {
	reply, err := g.uploader.Upload(proxyRequest(c))
	if err != nil {
		return err
	}
	g.writeReply(c, reply)
	return nil
}
