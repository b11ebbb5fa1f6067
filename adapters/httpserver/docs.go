package httpserver

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"
	swaggerui "github.com/swaggest/swgui/v5/static"
	"golang.org/x/net/http/httpguts"

	"github.com/huleedu/edge/api"
	"github.com/huleedu/edge/domain"
)

// docsPolicy lets the page of the API's description load files of this service and send
// requests to it. Swagger UI has its icons in data URLs.
const docsPolicy = "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docsServed reports whether a service serves its description in the environment, by the
// setting API_GATEWAY_DOCS or WEBSOCKET_DOCS. ok is false if the setting is not a boolean.
func docsServed(setting string, e domain.Environment) (served, ok bool) {
	switch text := strings.ToLower(strings.TrimSpace(setting)); text {
	case "":
		return e != domain.Production, true
	case "yes", "y", "on":
		return true, true
	case "no", "n", "off":
		return false, true
	default:
		served, err := strconv.ParseBool(text)
		return served, err == nil
	}
}

// documentJSON returns a description, which is written in YAML, as JSON.
func documentJSON(text []byte) ([]byte, error) {
	document, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, domain.NotStarted("api description", err).WithOp("httpserver.documentJSON")
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

// docsPage serves a page that shows the description and sends requests. The page loads
// nothing from other servers.
func (g *gateway) docsPage(c *gin.Context) error {
	c.Writer.Header().Set("Content-Security-Policy", docsPolicy)
	g.writeResponse(c, http.StatusOK, contentHTML, api.Page())
	return nil
}

// docsFile serves a file of the page.
func (g *gateway) docsFile(c *gin.Context) error {
	c.Writer.Header().Set("Content-Security-Policy", docsPolicy)
	switch name := c.Param("file"); name {
	case "page.js":
		g.writeResponse(c, http.StatusOK, "text/javascript; charset=utf-8", api.Script())
	case "page.css":
		g.writeResponse(c, http.StatusOK, "text/css; charset=utf-8", api.Style())
	case "swagger-ui-bundle.js":
		return g.writeCompressed(c, "text/javascript; charset=utf-8", name)
	case "swagger-ui.css":
		return g.writeCompressed(c, "text/css; charset=utf-8", name)
	case "favicon-32x32.png":
		body, err := swaggerui.FS.ReadFile(name)
		if err != nil {
			return domain.Unknown(err).WithOp("httpserver.docsFile")
		}
		g.writeResponse(c, http.StatusOK, "image/png", body)
	default:
		return noRoute(c)
	}
	return nil
}

// writeCompressed sends a file of Swagger UI, which is stored with gzip. A client that does not
// accept gzip gets it decompressed.
func (g *gateway) writeCompressed(c *gin.Context, contentType, name string) error {
	body, err := swaggerui.FS.ReadFile(name + ".gz")
	if err != nil {
		return domain.Unknown(err).WithOp("httpserver.writeCompressed")
	}
	c.Writer.Header().Add("Vary", "Accept-Encoding")
	if httpguts.HeaderValuesContainsToken(c.Request.Header["Accept-Encoding"], "gzip") {
		c.Writer.Header().Set("Content-Encoding", "gzip")
	} else if body, err = decompress(body); err != nil {
		return domain.Unknown(err).WithOp("httpserver.writeCompressed")
	}
	g.writeResponse(c, http.StatusOK, contentType, body)
	return nil
}

// decompress returns the content of a gzip file of this program.
func decompress(compressed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
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
