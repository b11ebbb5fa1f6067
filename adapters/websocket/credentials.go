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

// credentials takes the token from the first place that is present, which
// decides, also when what stands there is no token: Authorization header,
// subprotocol, query.
func credentials(r *http.Request, query url.Values) (string, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return domain.BearerToken(header)
	}
	for offered := range subprotocols(r) {
		if token, found := strings.CutPrefix(offered, bearerPrefix); found {
			return domain.BearerToken("Bearer " + token)
		}
	}
	if token := query.Get("token"); token != "" {
		return token, nil
	}
	return "", domain.NotAuthenticated()
}

// subprotocols are what the client offers, in its order, over all header lines.
func subprotocols(r *http.Request) iter.Seq[string] { return words(r.Header, "Sec-Websocket-Protocol") }

// words are the members of a header's list (RFC 9110 section 5.6.1), empty ones
// left out.
func words(h http.Header, name string) iter.Seq[string] {
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
