package upload

import (
	"errors"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

var errPart = errors.New("part has no single plain name")

// formBoundary returns the multipart boundary of the Content-Type. It returns
// INVALID_REQUEST for another media type and VALIDATION_ERROR for a boundary that
// RFC 2046 does not allow.
func formBoundary(h http.Header) (string, error) {
	types := h["Content-Type"]
	declared := ""
	if len(types) == 1 {
		declared = types[0]
	}
	media, _, _ := strings.Cut(declared, ";")
	if !strings.EqualFold(strings.TrimSpace(media), "multipart/form-data") || requestbody.IsEncoded(h) {
		return "", &domain.Error{
			Code: domain.InvalidRequest, Reason: httpreason.WrongMediaType,
			Message: "Content-Type must be multipart/form-data", Op: "httpserver.formBoundary",
		}
	}
	_, parameters, err := mime.ParseMediaType(declared)
	boundary := parameters["boundary"]
	if err == nil {
		err = multipart.NewWriter(nil).SetBoundary(boundary)
	}
	if err != nil {
		return "", malformed(err)
	}
	return boundary, nil
}

// fieldName returns the name of a part's field and whether the part has a file name.
// It refuses headers that other readers may interpret differently, because headers
// are sent on unchanged: two dispositions, a name in extended notation, control
// characters.
func fieldName(h textproto.MIMEHeader) (name string, isFile bool, err error) {
	for _, values := range h {
		for _, value := range values {
			if strings.ContainsFunc(value, isControl) {
				return "", false, errPart
			}
		}
	}
	dispositions := h["Content-Disposition"]
	if len(dispositions) != 1 || extendedName(dispositions[0]) {
		return "", false, errPart
	}
	kind, parameters, err := mime.ParseMediaType(dispositions[0])
	if err != nil {
		return "", false, err
	}
	name, named := parameters["name"]
	if kind != "form-data" || !named {
		return "", false, errPart
	}
	return name, parameters["filename"] != "", nil
}

// isControl reports whether a character is a control character other than a tab.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// extendedName reports whether a field's name is written as RFC 2231 allows
// for file names, which few readers of forms know.
func extendedName(disposition string) bool {
	quoted, escaped, start := false, false, 0
	for i := range len(disposition) {
		switch c := disposition[i]; {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			start = i + 1
		case c == '*' && !quoted && strings.EqualFold(strings.TrimSpace(disposition[start:i]), "name"):
			return true
		}
	}
	return false
}

// malformed returns the VALIDATION_ERROR for a body that is not a form. A
// *domain.Error in the cause takes precedence.
func malformed(cause error) error {
	if own, ok := errors.AsType[*domain.Error](cause); ok {
		return own
	}
	if errors.Is(cause, requestbody.ErrClientLeft) {
		return cause
	}
	return domain.Invalid("form", "", "multipart/form-data", "Failed to parse form data").WithCause(cause).WithOp("httpserver.form")
}
