package httpserver

import (
	"log/slog"
	"net/http"

	"github.com/huleedu/edge/adapters/httpserver/clientip"
	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/domain"
)

// maxUserAgent bounds a user agent in log lines, in characters.
const maxUserAgent = 200

// refusalAttributes returns the fields that only the log line of a refused request has: why,
// and by whom it was sent. A request that succeeded or failed by our fault has none.
func refusalAttributes(r *http.Request, e *domain.Error, proxies clientip.Proxies) []slog.Attr {
	if StatusOf(e) >= http.StatusInternalServerError {
		return nil
	}
	var out []slog.Attr
	reason, cause := e.TokenDetails()
	if reason != "" {
		out = append(out, slog.String("reason", reason))
	}
	if cause != "" {
		out = append(out, slog.String("cause", cause))
	}
	return append(out,
		slog.String("client_address", proxies.Address(r)),
		slog.String("user_agent", decode.Clip(r.UserAgent(), maxUserAgent)))
}
