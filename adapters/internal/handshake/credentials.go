package handshake

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/huleedu/edge/adapters/internal/bearer"
	"github.com/huleedu/edge/domain"
)

// findToken returns the token from the first source that is present: Authorization header,
// the tokens offered in a way of the transport's own (nil: none), query. That source
// decides even if it has no valid token. Two tokens in one source are an invalid format.
// With an error the result is the text that was found, which is empty when no source is
// present.
func findToken(h http.Header, offered []string, query url.Values) (string, error) {
	if header := strings.Join(h["Authorization"], ", "); header != "" {
		token, err := bearer.Token(header)
		if err != nil {
			return header, err
		}
		return token, nil
	}
	if offered != nil {
		return singleToken(offered)
	}
	switch tokens := query["token"]; {
	case strings.Join(tokens, "") == "":
		return "", domain.NotAuthenticated()
	case len(tokens) > 1:
		return singleToken(tokens)
	default:
		return tokens[0], nil
	}
}

// singleToken returns the only token. Two tokens, or an empty one, are an invalid
// format.
func singleToken(tokens []string) (string, error) {
	all := strings.Join(tokens, " , ")
	token, err := bearer.Token("Bearer " + all)
	if err != nil {
		return all, err
	}
	return token, nil
}
