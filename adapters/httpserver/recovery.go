package httpserver

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/domain"
)

// errPanic is the internal cause of an answer after a panic.
var errPanic = errors.New("panic")

// recoverPanic answers a panic with the standard error. It re-panics with
// http.ErrAbortHandler, which closes the connection.
func (m *middleware) recoverPanic(c *gin.Context) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(value)
		}
		requestStateOf(c).stack = debug.Stack()
		m.writeError(c, panicError(value))
	}()
	c.Next()
}

func panicError(value any) *domain.Error {
	cause := fmt.Errorf("%w: %v", errPanic, value)
	if err, ok := value.(error); ok {
		cause = fmt.Errorf("%w: %w", errPanic, err)
	}
	e := domain.Unknown(cause)
	e.Details = map[string]any{"error_type": fmt.Sprintf("%T", value)}
	return e
}
