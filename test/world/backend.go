package world

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Trouble is a way in which a service of the platform fails to answer.
type Trouble int32

// The troubles. Away drops each connection without a byte; Slow never answers;
// Failing answers 500; Garbled answers 200 with a broken body.
const (
	NoTrouble Trouble = iota
	Away
	Slow
	Failing
	Garbled
)

// backend is one HTTP service of the platform.
type backend struct {
	listener net.Listener
	server   *http.Server
	trouble  atomic.Int32
	ended    chan struct{}
}

// serve starts a service; an empty address means a free port on loopback.
func serve(address string, routes http.Handler) (*backend, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", cmp.Or(address, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	b := &backend{listener: listener, ended: make(chan struct{})}
	b.server = &http.Server{Handler: b.troubled(routes), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(b.ended)
		_ = b.server.Serve(listener) // ends with close, and only then
	}()
	return b, nil
}

func (b *backend) url() string { return "http://" + b.listener.Addr().String() }

func (b *backend) close() {
	_ = b.server.Close()
	<-b.ended
}

// troubled puts the service's trouble, if any, before its routes.
func (b *backend) troubled(routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch Trouble(b.trouble.Load()) {
		case NoTrouble:
			routes.ServeHTTP(w, r)
		case Slow:
			// Only with the body read does net/http notice that the client left.
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		case Failing:
			answer(w, http.StatusInternalServerError, map[string]string{"error": "Internal server error at 10.0.0.7"})
		case Garbled:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"batch_id": `)
		default:
			panic(http.ErrAbortHandler) // drops the connection, quietly
		}
	})
}

// guarded demands the two headers of internal routes.
func (p *Platform) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, service := r.Header.Get("X-Internal-Api-Key"), r.Header.Get("X-Service-Id")
		switch {
		case key == "" || service == "":
			fail(w, http.StatusUnauthorized, "Missing authentication")
		case key != p.config.InternalKey:
			fail(w, http.StatusUnauthorized, "Invalid credentials")
		default:
			next(w, r)
		}
	}
}

// asUser reads on whose behalf a request is made; it answers 401 when it does
// not say.
func asUser(w http.ResponseWriter, r *http.Request) (string, bool) {
	user := r.Header.Get("X-User-Id")
	if r.Header.Get("X-Identity-Encoding") == "url" {
		user, _ = url.PathUnescape(user)
	}
	if user == "" {
		fail(w, http.StatusUnauthorized, "User authentication required")
	}
	return user, user != ""
}

// alive answers health requests.
func alive(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "healthy"})
}

// fail answers in the shape of the platform's own errors.
func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"error": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that left
}
