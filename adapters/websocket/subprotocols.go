package websocket

import (
	"iter"
	"net/http"
	"strings"
)

// bearerPrefix marks the token among the offered subprotocols.
const bearerPrefix = "bearer."

// offeredTokens returns the tokens among the subprotocols.
func offeredTokens(r *http.Request) (tokens []string) {
	for offered := range subprotocols(r) {
		if token, found := strings.CutPrefix(offered, bearerPrefix); found {
			tokens = append(tokens, token)
		}
	}
	return tokens
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
