package httpserver

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/ports"
)

// autoLengthLimit is the size, in bytes, up to which net/http sets Content-Length
// itself.
const autoLengthLimit = 2048

// writeResponse sends an answer made of parts, with its length. Write errors are
// ignored, because the client has disconnected.
func (s *router) writeResponse(c *gin.Context, status int, contentType []string, parts ...[]byte) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	h := c.Writer.Header()
	h["Content-Type"] = contentType
	s.announceClose(h)
	if size > autoLengthLimit || c.Request.Method == http.MethodHead || c.Request.ContentLength != 0 {
		h["Content-Length"] = []string{strconv.Itoa(size)}
	}
	if size > writeChunk || time.Since(requestStateOf(c).started) > deadlineGranularity { // the time to answer may be over
		_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(writeIdleTimeout))
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
// writeIdleTimeout, in bytes. It implies a minimal rate, because the answer holds
// memory of the shared budget until it is written.
const writeChunk = 256 << 10

// writeChunks writes a part of an answer. The write deadline is renewed for each
// piece, so that it bounds how long the client takes nothing, not how long the
// answer takes. It reports whether the client took everything.
func writeChunks(c *gin.Context, part []byte) bool {
	for first := true; len(part) > 0; first = false {
		if !first {
			_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(writeIdleTimeout))
		}
		n, err := c.Writer.Write(part[:min(len(part), writeChunk)])
		if err != nil {
			return false
		}
		part = part[n:]
	}
	return true
}

// writeJSON sends a value as JSON with status 200.
func (s *router) writeJSON(c *gin.Context, v any) error {
	body, err := plainJSON(v)
	if err != nil {
		return err
	}
	s.writeResponse(c, http.StatusOK, s.fixedHeaders.json, body)
	return nil
}

// writeReply sends a service's answer to the client.
func (s *router) writeReply(c *gin.Context, r ports.Passthrough) {
	contentType := []string{safeContentType(r)}
	if r.RetryAfter != "" {
		c.Writer.Header().Set("Retry-After", r.RetryAfter)
	}
	s.writeResponse(c, r.Status, contentType, r.Body)
}

// safeContentType is the media type under which another service's answer is passed on.
// A declared JSON type stays. Anything else becomes a type that no browser runs:
// application/json for a body that is JSON, else plain text. The answer carries
// nosniff, so browsers keep to it.
func safeContentType(r ports.Passthrough) string {
	media, _, err := mime.ParseMediaType(r.ContentType)
	switch {
	case err == nil && isJSONType(media):
		return r.ContentType
	case len(r.Body) == 0, json.Valid(r.Body):
		return "application/json"
	default:
		return "text/plain; charset=utf-8"
	}
}

// isJSONType reports whether a media type is JSON.
func isJSONType(media string) bool {
	return media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// appendQuoted appends a JSON string.
func appendQuoted(b []byte, text string) []byte {
	if isPlainASCII(text) {
		b = append(b, '"')
		b = append(b, text...)
		return append(b, '"')
	}
	quoted, err := plainJSON(text)
	if err != nil { // a string always encodes
		return append(b, `""`...)
	}
	return append(b, quoted...)
}

// isPlainASCII reports whether a JSON string may hold the text as it is.
func isPlainASCII(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
