package console

import (
	"net"
	"net/http"
	"strings"
)

// guard checks each request before it reaches a handler, and sets the headers of each response.
// The order is: host name, origin, session, permission for actions.
func (s console) guard(next http.Handler) http.Handler {
	policy := s.contentPolicy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		action := r.Method != http.MethodGet && r.Method != http.MethodHead
		switch {
		case !isLoopbackHost(r.Host):
			refuse(w, http.StatusMisdirectedRequest, "the console answers only on localhost and loopback addresses")
		case !isSameOrigin(r, action):
			refuse(w, http.StatusForbidden, "the request comes from another page")
		case s.Session != nil && !s.Session.admit(w, r):
		case action && !s.AllowActions && !isQuestion(r):
			refuse(w, http.StatusForbidden, "the console is read-only: start it with --allow-actions")
		default:
			if action && !isQuestion(r) {
				s.Log.InfoContext(r.Context(), "console action", "method", r.Method, "path", r.URL.Path)
			}
			next.ServeHTTP(w, r)
		}
	})
}

// isQuestion reports whether a POST request changes nothing. It has a body because a token must
// not stand in a URL.
func isQuestion(r *http.Request) bool { return r.URL.Path == apiPath+"token/check" }

// isLoopbackHost reports whether a Host header names this machine. A foreign page whose name
// points to a loopback address (DNS rebinding) is refused by it.
func isLoopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// isSameOrigin reports whether the console's own page sent the request. Browsers set Origin on
// each POST request; an action without it is refused. A link that opens the page is the only
// request that may come from another site.
func isSameOrigin(r *http.Request, action bool) bool {
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "" || site == "same-origin" || site == "none":
	case !action && r.URL.Path == Path && r.Header.Get("Sec-Fetch-Mode") == "navigate":
		return true
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return !action
	}
	return origin == "http://"+r.Host
}

// contentPolicy returns the content security policy: scripts and styles only from the console, and
// connections only to the console and the demonstration's services.
func (s console) contentPolicy() string {
	connect := []string{"'self'"}
	if d := s.Demonstration; d != nil {
		for _, url := range []string{d.Gateway, d.Notifications, d.Balancer} {
			if url != "" {
				connect = append(connect, url, "ws"+strings.TrimPrefix(url, "http"))
			}
		}
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src " + strings.Join(connect, " ") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
