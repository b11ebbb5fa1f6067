package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"

	"github.com/huleedu/edge/api"
	"github.com/huleedu/edge/domain"
)

// openAPIDocument returns the gateway's description as JSON.
func openAPIDocument() ([]byte, error) {
	document, err := yaml.YAMLToJSON(api.OpenAPI())
	if err != nil {
		return nil, domain.NotStarted("api description", err).WithOp("httpserver.openAPIDocument")
	}
	return document, nil
}

func (g *gateway) openAPI(c *gin.Context) error {
	document, err := g.description()
	if err != nil {
		return err
	}
	g.writeResponse(c, http.StatusOK, contentJSON, document)
	return nil
}

// docsPage serves a page that shows the description. The page loads nothing from other
// servers.
func (g *gateway) docsPage(c *gin.Context) error {
	c.Writer.Header().Set("Content-Security-Policy",
		"default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	g.writeResponse(c, http.StatusOK, "text/html; charset=utf-8", api.Page())
	return nil
}

func (g *gateway) docsScript(c *gin.Context) error {
	g.writeResponse(c, http.StatusOK, "text/javascript; charset=utf-8", api.Script())
	return nil
}

// tryAnonymous lets a developer check that the gateway answers.
func (g *gateway) tryAnonymous(c *gin.Context) error {
	return g.writeJSON(c, message{"Success - no auth required"})
}

// tryIdentified lets a developer check a token.
func (g *gateway) tryIdentified(c *gin.Context) error {
	user := string(requestStateOf(c).caller.User)
	return g.writeJSON(c, message{"Success - authenticated as " + user})
}

type message struct {
	Message string `json:"message"`
}
