package operators

import (
	"context"
	"net/url"
	"time"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// timeLayout is the layout of times: UTC with microseconds and its offset.
const timeLayout = "2006-01-02T15:04:05.000000-07:00"

// Answers returns the bodies of the answers, for encoding as JSON.
type Answers struct{ App *app.Operators }

// Dependency is the health of a dependency of the node.
type Dependency struct {
	Status domain.Condition `json:"status"`
	Note   string           `json:"note"`
}

// Node is the answer of /admin/node.
type Node struct {
	Service      domain.Service        `json:"service"`
	Version      string                `json:"version"`
	Revision     string                `json:"revision"`
	Node         string                `json:"node"`
	Started      string                `json:"started"`
	Environment  domain.Environment    `json:"environment"`
	Ready        bool                  `json:"ready"`
	Dependencies map[string]Dependency `json:"dependencies"`
	// Limits and Counts are numbers by name.
	Limits map[string]int64 `json:"limits"`
	Counts map[string]int64 `json:"counts"`
}

// Node returns the state of this node. It queries the dependencies.
func (a Answers) Node(ctx context.Context) Node {
	r := a.App.Node(ctx)
	needs := make(map[string]Dependency, len(r.Dependencies))
	for _, d := range r.Dependencies {
		needs[d.Name] = Dependency{d.Condition, d.Note}
	}
	return Node{
		Service: r.Service, Version: r.Version, Revision: r.Revision, Node: r.Name, Environment: r.Environment,
		Started: formatTime(r.Started), Ready: r.Ready, Dependencies: needs, Limits: r.Limits, Counts: r.Counts,
	}
}

// Setting is one element of the answer of /admin/config.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Source is "default", "environment" or the file that set it.
	Source string `json:"source"`
	// Variable is the variable that set it, if it is an alias.
	Variable string `json:"variable,omitempty"`
}

// Settings returns the settings of this process, without secrets.
func (a Answers) Settings() []Setting {
	settings := a.App.Settings()
	out := make([]Setting, len(settings))
	for i, s := range settings {
		out[i] = Setting(s)
	}
	return out
}

// Connection is one element of the answer of /admin/users/{user_id}/connections.
type Connection struct {
	Session   string           `json:"session"`
	Transport domain.Transport `json:"transport"`
	Since     string           `json:"since"`
	// LastEventID is null if the position is not known.
	LastEventID    *domain.Position `json:"last_event_id"`
	QueuedMessages int              `json:"queued_messages"`
	QueuedBytes    int              `json:"queued_bytes"`
	// Origin is null if the client sent none.
	Origin *string `json:"origin"`
}

// Connections returns the connections on this node of the user with that id, as it stands in
// the path. It returns VALIDATION_ERROR for a text that is not a user id.
func (a Answers) Connections(escaped string) ([]Connection, error) {
	text, err := url.PathUnescape(escaped)
	if err != nil {
		text = ""
	}
	user, err := domain.ParseUserID(text)
	if err != nil {
		return nil, domain.Invalid("user_id", text, "1 to 255 characters", "Invalid user ID")
	}
	connections := a.App.Connections(user)
	out := make([]Connection, len(connections))
	for i, c := range connections {
		out[i] = Connection{
			Session: c.Session, Transport: c.Transport, Since: formatTime(c.Since), LastEventID: unlessZero(c.LastPosition),
			QueuedMessages: c.QueuedMessages, QueuedBytes: c.QueuedBytes, Origin: unlessZero(c.Origin),
		}
	}
	return out, nil
}

// Circuit is one element of the answer of /admin/circuits.
type Circuit struct {
	Service         string              `json:"service"`
	State           domain.CircuitState `json:"state"`
	Failures        int                 `json:"failures"`
	InFlight        int                 `json:"in_flight"`
	IdleConnections int                 `json:"idle_connections"`
}

// Circuits returns the state of the calls to each service behind the gateway.
func (a Answers) Circuits() []Circuit {
	reports := a.App.Circuits()
	out := make([]Circuit, len(reports))
	for i, r := range reports {
		out[i] = Circuit(r)
	}
	return out
}

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// unlessZero returns a pointer to the value, or nil for the zero value.
func unlessZero[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
