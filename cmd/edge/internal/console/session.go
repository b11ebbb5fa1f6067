package console

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"sync"
)

// sessionCookie is the name of the cookie that holds the session's key.
const sessionCookie = "edge_console"

// Session admits one browser: the one-time token in the URL of the page is exchanged for a cookie.
// It is safe for concurrent use.
type Session struct {
	key string

	mu    sync.Mutex
	token string // empty after its use
}

// NewSession returns a session with a random token.
func NewSession() *Session { return &Session{key: rand.Text(), token: rand.Text()} }

// Query returns the query of the page's URL that opens the session once.
func (s *Session) Query() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "?token=" + s.token
}

// admit reports whether the request may go on: it has the session's cookie. A request with the
// one-time token gets the cookie and is redirected to the URL without it; any other request is
// refused with 401.
func (s *Session) admit(w http.ResponseWriter, r *http.Request) bool {
	if cookie, err := r.Cookie(sessionCookie); err == nil && equal(cookie.Value, s.key) {
		return true
	}
	if r.Method == http.MethodGet && r.URL.Path == Path && s.redeem(r.URL.Query().Get("token")) {
		// Not Secure: the console listens without TLS on a loopback address.
		w.Header().Set("Set-Cookie", sessionCookie+"="+s.key+"; Path="+Path+"; HttpOnly; SameSite=Strict")
		http.Redirect(w, r, Path, http.StatusSeeOther)
		return false
	}
	refuse(w, http.StatusUnauthorized, "open the URL that \"edge console\" printed; its token works once, so start the command again if it was used")
	return false
}

// redeem reports whether the token is the one-time token, and spends it.
func (s *Session) redeem(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == "" || !equal(token, s.token) {
		return false
	}
	s.token = ""
	return true
}

// equal compares two secrets in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
