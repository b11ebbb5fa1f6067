package httpserver

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/operators"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// operatorTable returns the routes of operators: those of both services, and one of its own.
// There are none without a token or a use case.
func (s *responder) operatorTable(token domain.Secret, use *app.Operators, path string, own func(operators.Answers, *gin.Context) (any, error)) []routeDef {
	if token == "" || use == nil {
		return nil
	}
	answers := operators.Answers{App: use}
	route := func(path string, read func(*gin.Context) (any, error)) routeDef {
		return routeDef{http.MethodGet, path, Operator, LimitNone, func(c *gin.Context) error {
			body, err := read(c)
			if err != nil {
				return err
			}
			return s.writeJSON(c, body)
		}}
	}
	return []routeDef{
		route("/admin/node", func(c *gin.Context) (any, error) { return answers.Node(c.Request.Context()), nil }),
		route("/admin/config", func(*gin.Context) (any, error) { return answers.Settings(), nil }),
		route(path, func(c *gin.Context) (any, error) { return own(answers, c) }),
	}
}

func circuits(a operators.Answers, _ *gin.Context) (any, error) { return a.Circuits(), nil }

func connections(a operators.Answers, c *gin.Context) (any, error) {
	return a.Connections(c.Param("user_id"))
}
