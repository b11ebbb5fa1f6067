package websocket

import (
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/huleedu/edge/adapters/internal/bearer"
	"github.com/huleedu/edge/domain"
)

// bearerPrefix marks the token among the offered subprotocols.
const bearerPrefix = "bearer."

// requestToken returns the token from the first source that is present: Authorization
// header, subprotocol, query. That source decides even if it has no valid token. Two
// tokens in one source are an invalid format. With an error the result is the text
// that was found, which is empty when no source is present.
func requestToken(r *http.Request, query url.Values) (string, error) {
	if header := strings.Join(r.Header["Authorization"], ", "); header != "" {
		token, err := bearer.Token(header)
		if err != nil {
			return header, err
		}
		return token, nil
	}
	if offered := offeredTokens(r); offered != nil {
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

// offeredTokens returns the tokens among the subprotocols.
func offeredTokens(r *http.Request) (tokens []string) {
	for offered := range subprotocols(r) {
		if token, found := strings.CutPrefix(offered, bearerPrefix); found {
			tokens = append(tokens, token)
		}
	}
	return tokens
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

// subprotocols returns the offered subprotocols in order, without empty ones.
func subprotocols(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range r.Header["Sec-Websocket-Protocol"] {
			for word := range strings.SplitSeq(line, ",") {
				if word = strings.TrimSpace(word); word != "" && !yield(word) {
					return
				}
			}
		}
	}
}
