package websocket

import (
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/huleedu/edge/domain"
)

// bearerPrefix marks the token among the subprotocols that a browser offers.
const bearerPrefix = "bearer."

// requestToken takes the token from the first place that is present, which
// decides, also when what stands there is no token: Authorization header,
// subprotocol, query. A place that names two tokens has none. With an error it
// returns what stands there, which is empty when no place is present.
func requestToken(r *http.Request, query url.Values) (string, error) {
	if header := strings.Join(r.Header["Authorization"], ", "); header != "" {
		token, err := domain.BearerToken(header)
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

// offeredTokens are the tokens among the subprotocols.
func offeredTokens(r *http.Request) (tokens []string) {
	for offered := range subprotocols(r) {
		if token, found := strings.CutPrefix(offered, bearerPrefix); found {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// singleToken returns the only token; two, or an empty one, have a wrong format.
func singleToken(tokens []string) (string, error) {
	all := strings.Join(tokens, " , ")
	token, err := domain.BearerToken("Bearer " + all)
	if err != nil {
		return all, err
	}
	return token, nil
}

// subprotocols are what the client offers, in its order, over all header lines.
func subprotocols(r *http.Request) iter.Seq[string] {
	return listMembers(r.Header, "Sec-Websocket-Protocol")
}

// listMembers are the members of a header's list (RFC 9110 section 5.6.1), empty ones
// left out.
func listMembers(h http.Header, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range h.Values(name) {
			for word := range strings.SplitSeq(line, ",") {
				if word = strings.TrimSpace(word); word != "" && !yield(word) {
					return
				}
			}
		}
	}
}
