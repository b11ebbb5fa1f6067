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

// FailureMode selects how a service of the platform fails.
type FailureMode int32

// The failures. Disconnect closes each connection without a response; Slow never
// responds; Late responds after lateBy; ServerError responds with 500; Malformed
// responds with 200 and a truncated body.
const (
	NoFailure FailureMode = iota
	Disconnect
	Slow
	ServerError
	Malformed
	Late
)

// lateBy is the delay of a response in the mode Late.
const lateBy = 1200 * time.Millisecond

// backend is one HTTP service of the platform.
type backend struct {
	listener net.Listener
	server   *http.Server
	failure  atomic.Int32
	done     chan struct{}
}

// startBackend starts a service. An empty address selects a free port on loopback.
func startBackend(address string, routes http.Handler) (*backend, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", cmp.Or(address, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	b := &backend{listener: listener, done: make(chan struct{})}
	b.server = &http.Server{Handler: b.injectFailure(routes), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(b.done)
		_ = b.server.Serve(listener) // returns only after close
	}()
	return b, nil
}

func (b *backend) url() string { return "http://" + b.listener.Addr().String() }

func (b *backend) close() {
	_ = b.server.Close()
	<-b.done
}

// injectFailure applies the selected failure before the routes.
func (b *backend) injectFailure(routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch FailureMode(b.failure.Load()) {
		case NoFailure:
			routes.ServeHTTP(w, r)
		case Slow:
			// net/http detects a closed connection only after the body is read.
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		case Late:
			select {
			case <-time.After(lateBy):
				routes.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		case ServerError:
			respond(w, http.StatusInternalServerError, map[string]string{"error": "Internal server error at 10.0.0.7"})
		case Malformed:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"batch_id": `)
		default:
			panic(http.ErrAbortHandler) // closes the connection without a log line
		}
	})
}

// requireInternalKey requires the two headers of internal routes.
func (p *Platform) requireInternalKey(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, service := r.Header.Get("X-Internal-Api-Key"), r.Header.Get("X-Service-Id")
		switch {
		case key == "" || service == "":
			respondError(w, http.StatusUnauthorized, "Missing authentication")
		case key != p.config.InternalKey:
			respondError(w, http.StatusUnauthorized, "Invalid credentials")
		default:
			next(w, r)
		}
	}
}

// requireUser returns the user id of the request. It responds with 401 and returns
// false when the header is missing.
func requireUser(w http.ResponseWriter, r *http.Request) (string, bool) {
	user := r.Header.Get("X-User-Id")
	if r.Header.Get("X-Identity-Encoding") == "url" {
		user, _ = url.PathUnescape(user)
	}
	if user == "" {
		respondError(w, http.StatusUnauthorized, "User authentication required")
	}
	return user, user != ""
}

// healthy responds to health requests.
func healthy(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]string{"status": "healthy"})
}

// respondError responds with an error in the platform's format.
func respondError(w http.ResponseWriter, status int, message string) {
	respond(w, status, map[string]string{"error": message})
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have disconnected
}
