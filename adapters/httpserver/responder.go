package httpserver

import (
	"encoding/json"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	contentJSON = "application/json"         // contentJSON is the media type of answers and errors.
	contentHTML = "text/html; charset=utf-8" // contentHTML is the media type of the API documentation.
)

// responder writes the answers of one service, successes and errors.
type responder struct {
	service  domain.Service
	log      *slog.Logger
	observer ports.Observer
	// retiring makes every answer announce the close.
	retiring atomic.Bool
}

// setCommonHeaders sets the headers of every answer, also of a protocol switch.
func (s *responder) setCommonHeaders(c *gin.Context, x *requestState) {
	h := c.Writer.Header()
	setHeaders(h,
		[2]string{"X-Correlation-Id", x.ids.CorrelationID},
		[2]string{"X-Request-Id", x.ids.RequestID},
		[2]string{"X-Trace-Id", x.span.SpanContext().TraceID().String()},
		[2]string{"X-Content-Type-Options", "nosniff"},
		[2]string{"Cache-Control", "no-store"})
	if c.Request.Header.Get("Upgrade") == "" {
		s.announceClose(h)
	}
}

// setHeaders sets headers from pairs of a name, in its canonical form, and a value. All values
// share one allocation.
func setHeaders(h http.Header, pairs ...[2]string) {
	values := make([]string, len(pairs))
	for i, pair := range pairs {
		values[i] = pair[1]
		h[pair[0]] = values[i : i+1 : i+1]
	}
}

// announceClose adds "Connection: close" while the server retires, so that the
// client reconnects to another node. It is called again when a slow answer begins,
// because the server may have begun to retire meanwhile.
func (s *responder) announceClose(h http.Header) {
	if s.retiring.Load() && !slices.Contains(h["Connection"], "close") {
		h.Add("Connection", "close")
	}
}

// writeResponse sends an answer made of parts, with its length. Write errors are
// ignored, because the client has disconnected.
func (s *responder) writeResponse(c *gin.Context, status int, contentType string, parts ...[]byte) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	h := c.Writer.Header()
	setHeaders(h, [2]string{"Content-Type", contentType}, [2]string{"Content-Length", strconv.Itoa(size)})
	s.announceClose(h)
	if size > writeChunk || time.Since(requestStateOf(c).started) > time.Second { // the time to answer may be over
		extendWriteDeadline(c)
	}
	c.Status(status)
	c.Writer.WriteHeaderNow()
	for _, p := range parts {
		if !writeChunks(c, p) {
			return
		}
	}
}

// writeChunk is how much of a large answer the client must read within
// requestbody.WriteIdleTimeout, in bytes. It implies a minimal rate, because the answer
// holds memory of the shared budget until it is written.
const writeChunk = 256 << 10

// writeChunks writes a part of an answer. The write deadline is renewed for each
// piece, so that it bounds how long the client reads nothing, not how long the
// answer takes. It reports whether the client read everything.
func writeChunks(c *gin.Context, part []byte) bool {
	for chunk := range slices.Chunk(part, writeChunk) {
		if _, err := c.Writer.Write(chunk); err != nil {
			return false
		}
		if len(part) > writeChunk {
			extendWriteDeadline(c)
		}
	}
	return true
}

// extendWriteDeadline gives the client requestbody.WriteIdleTimeout for the next write.
func extendWriteDeadline(c *gin.Context) {
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(requestbody.WriteIdleTimeout)) // a writer without deadlines has no client
}

// writeJSON sends a value as JSON with status 200.
func (s *responder) writeJSON(c *gin.Context, v any) error {
	body, err := domain.EncodeJSON(v)
	if err != nil {
		return domain.Unknown(err).WithOp("httpserver.writeJSON")
	}
	s.writeResponse(c, http.StatusOK, contentJSON, body)
	return nil
}

// writeReply sends a service's answer to the client.
func (s *responder) writeReply(c *gin.Context, r ports.Passthrough) {
	if r.RetryAfter != "" {
		c.Writer.Header().Set("Retry-After", r.RetryAfter)
	}
	s.writeResponse(c, r.Status, safeContentType(r), r.Body)
}

// safeContentType returns the media type under which another service's answer is passed
// on. A declared JSON type stays. Anything else becomes a type that no browser runs:
// application/json for a body that is JSON, else plain text. The answer carries
// nosniff, so browsers keep to it.
func safeContentType(r ports.Passthrough) string {
	media, _, err := mime.ParseMediaType(r.ContentType)
	switch {
	case err == nil && decode.IsJSONType(media):
		return r.ContentType
	case len(r.Body) == 0, json.Valid(r.Body):
		return contentJSON
	default:
		return "text/plain; charset=utf-8"
	}
}
