package upload

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// maxServiceMessage bounds, in characters, the part of a service's message that is repeated.
const maxServiceMessage = 200

// refusalError translates the service's other answers.
func (t *transfer) refusalError(r ports.Passthrough) error {
	switch status := r.Status; {
	case status == http.StatusBadRequest:
		return domain.Invalid("form", "", "", serviceMessage(r.Body)).WithOp("httpserver.upload")
	case status == http.StatusForbidden, status == http.StatusConflict && conflictCode(r.Body) == domain.AuthorizationError:
		return domain.Forbidden("Not allowed to add files to this batch", nil).WithOp("httpserver.upload")
	case status == http.StatusNotFound, status == http.StatusConflict && conflictCode(r.Body) == domain.ResourceNotFound:
		return t.unknownBatch()
	case status == http.StatusConflict:
		return &domain.Error{
			Code: domain.InvalidRequest, Reason: httpreason.Conflict, Message: "The batch cannot take files now", Op: "httpserver.upload",
		}
	default:
		return domain.External(t.files.Name, status).WithOp("httpserver.upload")
	}
}

// unknownBatch returns the 404. It contains the batch id only if copyForm has ended,
// because copyForm writes the id.
func (t *transfer) unknownBatch() error {
	if t.complete.Load() {
		return domain.NotFound("batch", string(t.form.batch)).WithOp("httpserver.upload")
	}
	return &domain.Error{
		Code: domain.ResourceNotFound, Message: "batch not found", Op: "httpserver.upload",
		Details: map[string]any{"resource_type": "batch"},
	}
}

// conflictCode returns the error code in the body of a 409, or an empty code.
func conflictCode(body []byte) domain.Code {
	var answer struct {
		Error struct {
			Code domain.Code `json:"error_code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	return answer.Error.Code
}

// serviceMessage returns the service's error or detail text if it is one line of plain
// text, else a fixed message.
func serviceMessage(body []byte) string {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) == nil {
		for _, key := range []string{"error", "detail"} {
			var text string
			if json.Unmarshal(answer[key], &text) == nil && isPlainLine(text) {
				return decode.Clip(strings.TrimSpace(text), maxServiceMessage)
			}
		}
	}
	return "The file service refused the form"
}

// isPlainLine reports whether a text is one line without markup.
func isPlainLine(text string) bool {
	return strings.TrimSpace(text) != "" && utf8.ValidString(text) &&
		!strings.ContainsAny(text, "<>") && !strings.ContainsFunc(text, unicode.IsControl)
}
