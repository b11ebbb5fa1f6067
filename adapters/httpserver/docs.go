package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"

	"github.com/huleedu/edge/api"
	"github.com/huleedu/edge/domain"
)

// openAPIDocument is the gateway's description as JSON.
func openAPIDocument() ([]byte, error) {
	document, err := yaml.YAMLToJSON(api.OpenAPI())
	if err != nil {
		return nil, domain.NotStarted("api description", err).WithOp("httpserver.openAPIDocument")
	}
	return document, nil
}

func (g *gateway) openAPI(c *gin.Context) error {
	g.writeResponse(c, http.StatusOK, g.fixedHeaders.json, g.description)
	return nil
}

// docsPage shows the description to a person. It loads nothing from elsewhere.
func (g *gateway) docsPage(c *gin.Context) error {
	c.Writer.Header().Set("Content-Security-Policy",
		"default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	g.writeResponse(c, http.StatusOK, g.fixedHeaders.html, api.Page())
	return nil
}

func (g *gateway) docsScript(c *gin.Context) error {
	g.writeResponse(c, http.StatusOK, g.fixedHeaders.script, api.Script())
	return nil
}
