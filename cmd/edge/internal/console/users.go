package console

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/huleedu/edge/domain"
)

// Users answers questions about one user from Redis. It reads only the keys and the channel of that
// user. It is safe for concurrent use.
type Users interface {
	// Sessions returns the leases of the user's connections on all nodes.
	Sessions(ctx context.Context, user domain.UserID) ([]domain.SessionInfo, error)
	// Since returns a page of the user's stored notifications after a position.
	Since(ctx context.Context, user domain.UserID, after domain.Position) (domain.Replay, error)
	// Tail calls receive with each message of the user's channel until ctx is done, after it has
	// called subscribed once. It returns the error that ended it earlier.
	Tail(ctx context.Context, user domain.UserID, subscribed func(), receive func(frame string)) error
	// Disconnect tells all nodes to close the user's connections.
	Disconnect(ctx context.Context, user domain.UserID) error
}

// redisTimeout limits one question to Redis.
const redisTimeout = 5 * time.Second

// addUsers adds the routes about one user.
func (s console) addUsers(mux *http.ServeMux) {
	path := apiPath + "users/{user}/"
	mux.HandleFunc("GET "+path+"connections", s.ofUser(s.connections))
	mux.HandleFunc("GET "+path+"kept", s.ofUser(s.kept))
	mux.HandleFunc("GET "+path+"tail", s.ofUser(s.tail))
	mux.HandleFunc("POST "+path+"disconnect", s.ofUser(s.disconnect))
}

// ofUser calls next with the user of the path. It refuses a text that cannot be a user id.
func (s console) ofUser(next func(http.ResponseWriter, *http.Request, domain.UserID)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, err := domain.ParseUserID(r.PathValue("user"))
		if err != nil {
			refuse(w, http.StatusBadRequest, "this is not a user id: it has 1 to 255 characters, no control characters, and does not begin with }")
			return
		}
		next(w, r, user)
	}
}

// failed responds with the error of Redis. Its message contains no address and no credentials.
func failed(w http.ResponseWriter, err error) {
	refuse(w, http.StatusBadGateway, "Redis gave no answer: "+domain.PublicMessage(err))
}

// connections responds with the user's connections: what each node says, and the leases in Redis.
func (s console) connections(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	type nodeConnections struct {
		Address     string          `json:"address"`
		Error       string          `json:"error,omitempty"`
		Connections json.RawMessage `json:"connections,omitempty"`
	}
	type lease struct {
		Session string    `json:"session"`
		Node    string    `json:"node"`
		Since   time.Time `json:"since"`
	}
	ctx, cancel := context.WithTimeout(r.Context(), redisTimeout)
	defer cancel()
	sessions, err := s.Users.Sessions(ctx, user)
	if err != nil {
		failed(w, err)
		return
	}
	leases := []lease{}
	for _, l := range sessions {
		leases = append(leases, lease{Session: l.ID, Node: l.Node, Since: l.Since})
	}
	nodes := each(ctx, s.Nodes, func(ctx context.Context, address string) nodeConnections {
		body, err := s.Nodes.get(ctx, address, "/admin/users/"+url.PathEscape(string(user))+"/connections")
		if err != nil {
			return nodeConnections{Address: address, Error: err.Error()}
		}
		return nodeConnections{Address: address, Connections: body}
	})
	respond(w, map[string]any{"leases": leases, "nodes": nodes})
}

// kept responds with a page of the user's stored notifications.
func (s console) kept(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	after, err := domain.ParsePosition(cmp.Or(r.FormValue("after"), string(domain.PositionStart)))
	if err != nil || after == domain.PositionLive {
		refuse(w, http.StatusBadRequest, "this is not a position: it is <milliseconds>-<number>")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), redisTimeout)
	defer cancel()
	replay, err := s.Users.Since(ctx, user, after)
	if err != nil {
		failed(w, err)
		return
	}
	frames := []json.RawMessage{}
	for _, e := range replay.Entries {
		if json.Valid(e.Frame) {
			frames = append(frames, e.Frame)
		}
	}
	respond(w, map[string]any{"frames": frames, "more": replay.More, "oldest": replay.Oldest})
}

// disconnect closes the user's connections on all nodes.
func (s console) disconnect(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	ctx, cancel := context.WithTimeout(r.Context(), redisTimeout)
	defer cancel()
	if err := s.Users.Disconnect(ctx, user); err != nil {
		failed(w, err)
		return
	}
	respond(w, map[string]bool{"told": true})
}
