package httpserver

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/huleedu/edge/domain"
)

// beginRequest creates the requestState: ids, span and the common headers.
func (m *middleware) beginRequest(ep *endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		x := &requestState{endpoint: ep, started: time.Now()}
		x.ids, x.correlationReplaced = requestIDs(c.Request)
		x.ids.Network = m.proxies.Network(c.Request)
		ctx := domain.WithRequestContext(c.Request.Context(), x.ids)
		ctx, x.span = m.startSpan(ctx, c.Request, ep)
		c.Request = c.Request.WithContext(context.WithValue(ctx, requestStateKey{}, x))
		m.setCommonHeaders(c, x)
	}
}

// requestIDs takes the correlation id from the header, else from the query, else
// creates one. The request id is always new. replaced reports that the client sent
// an invalid id.
func requestIDs(r *http.Request) (ids domain.RequestContext, replaced bool) {
	sent := r.Header.Get("X-Correlation-Id")
	if sent == "" && strings.Contains(r.URL.RawQuery, "correlation_id=") {
		sent = r.URL.Query().Get("correlation_id")
	}
	id, ok := canonicalUUID(sent)
	if !ok {
		id = uuid.NewString()
	}
	return domain.RequestContext{CorrelationID: id, RequestID: uuid.NewString()}, sent != "" && !ok
}

// canonicalUUID returns a UUID in lower case with hyphens. It accepts 32 hexadecimal
// digits, with or without hyphens, bare, in braces or as a URN, in any case.
func canonicalUUID(text string) (string, bool) {
	digits := strings.ToLower(text)
	if urn, found := strings.CutPrefix(digits, "urn:uuid:"); found {
		digits = urn
	} else if inner, found := strings.CutPrefix(digits, "{"); found && strings.HasSuffix(inner, "}") {
		digits = strings.TrimSuffix(inner, "}")
	}
	if len(digits) != 36 && len(digits) != 32 {
		return "", false
	}
	id, err := uuid.Parse(digits)
	return id.String(), err == nil
}
