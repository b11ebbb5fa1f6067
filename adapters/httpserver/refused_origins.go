package httpserver

import (
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/decode"
)

const (
	// originLogInterval is the minimum time between two log lines about the same origin.
	originLogInterval = time.Minute
	// maxLoggedOrigins bounds the log lines about origins in one interval, and the memory
	// for them.
	maxLoggedOrigins = 100
)

// refusedOrigins remembers which origins were logged. The zero value is empty. It is safe
// for concurrent use.
type refusedOrigins struct {
	mu     sync.Mutex
	logged map[string]time.Time
}

// add reports whether the origin is to be logged now: it was not logged in the last
// interval, and fewer than maxLoggedOrigins others were.
func (r *refusedOrigins) add(origin string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, known := r.logged[origin]; known && time.Since(at) < originLogInterval {
		return false
	}
	if len(r.logged) >= maxLoggedOrigins {
		maps.DeleteFunc(r.logged, func(_ string, at time.Time) bool { return time.Since(at) >= originLogInterval })
	}
	if len(r.logged) >= maxLoggedOrigins {
		return false
	}
	if r.logged == nil {
		r.logged = map[string]time.Time{}
	}
	r.logged[origin] = time.Now()
	return true
}

// logRefusedOrigin tells the operator which setting refuses a page. The browser tells
// the page nothing.
func (m *middleware) logRefusedOrigin(c *gin.Context, from string) {
	if isSameHost(c.Request, from) {
		return
	}
	from = decode.Clip(from, maxPathText)
	if !m.origins.refused.add(from) {
		return
	}
	quoted := strconv.QuoteToASCII(from)
	m.log.LogAttrs(c.Request.Context(), slog.LevelWarn, "a page of an origin that is not allowed was refused; add the origin to the setting if its pages may use this service",
		slog.String("origin", quoted[1:len(quoted)-1]), slog.String("setting", m.origins.setting))
}

// isSameHost reports whether a page calls the server that it came from. Browsers then
// need no permission, but send Origin with every method other than GET. A GET
// with Origin is a WebSocket handshake, which does need permission.
func isSameHost(r *http.Request, from string) bool {
	u, err := url.Parse(from)
	return err == nil && u.Host == r.Host && r.Method != http.MethodGet
}
