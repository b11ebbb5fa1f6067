package console

import (
	"context"
	"net/http"
	"strings"

	"github.com/huleedu/edge/domain"
)

// Tokens decides about tokens as the services do.
type Tokens interface {
	// Validate returns the caller of a valid token, or why the services refuse it.
	Validate(ctx context.Context, token string) (domain.Caller, error)
}

// checkToken says what the services say about a token. Neither the answer nor the log contains it.
func (s console) checkToken(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Token string `json:"token"`
	}
	if !readBody(w, r, &body) {
		return
	}
	caller, err := s.Tokens.Validate(r.Context(), strings.TrimSpace(body.Token))
	if err == nil {
		respond(w, map[string]any{"accepted": true, "user": caller.User, "org": caller.Org})
		return
	}
	e := domain.As(err)
	respond(w, map[string]any{"accepted": false, "code": e.Code, "message": e.Message, "details": e.PublicDetails()})
}
