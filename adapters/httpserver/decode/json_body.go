package decode

import (
	"mime"
	"net/http"
	"strings"

	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

// ReadJSON reads a whole JSON body of at most limit bytes; it does not check the JSON. A
// missing media type is read as JSON. Another media type or a content coding is an
// INVALID_REQUEST, answered with 415. Other errors are those of requestbody.ReadAll.
func ReadJSON(r *http.Request, limit int64) ([]byte, error) {
	if !declaresJSON(r.Header) {
		return nil, &domain.Error{
			Code: domain.InvalidRequest, Reason: httpreason.WrongMediaType,
			Message: "Content-Type must be application/json", Op: "httpserver.readJSON",
		}
	}
	return requestbody.ReadAll(r, limit)
}

func declaresJSON(h http.Header) bool {
	types := h["Content-Type"]
	switch {
	case requestbody.IsEncoded(h) || len(types) > 1:
		return false
	case len(types) == 0 || types[0] == "":
		return true
	}
	media, _, err := mime.ParseMediaType(types[0])
	return err == nil && IsJSONType(media)
}

// IsJSONType reports whether a media type without parameters is JSON.
func IsJSONType(media string) bool {
	return media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}
