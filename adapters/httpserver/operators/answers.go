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

// DependencyAnswer is the health of a dependency of the node.
type DependencyAnswer struct {
	Status domain.Condition `json:"status"`
	Note   string           `json:"note"`
}

// NodeAnswer is the answer of /admin/node.
type NodeAnswer struct {
	Service      domain.Service              `json:"service"`
	Version      string                      `json:"version"`
	Revision     string                      `json:"revision"`
	Node         string                      `json:"node"`
	Started      string                      `json:"started"`
	Environment  domain.Environment          `json:"environment"`
	Ready        bool                        `json:"ready"`
	Dependencies map[string]DependencyAnswer `json:"dependencies"`
	// Limits and Counts are numbers by name.
	Limits map[string]int64 `json:"limits"`
	Counts map[string]int64 `json:"counts"`
}

// Node returns the state of this node. It queries the dependencies.
func (a Answers) Node(ctx context.Context) NodeAnswer {
	r := a.App.Node(ctx)
	needs := make(map[string]DependencyAnswer, len(r.Dependencies))
	for _, d := range r.Dependencies {
		needs[d.Name] = DependencyAnswer{d.Condition, d.Note}
	}
	return NodeAnswer{
		Service: r.Service, Version: r.Version, Revision: r.Revision, Node: r.Name, Environment: r.Environment,
		Started: formatTime(r.Started), Ready: r.Ready, Dependencies: needs, Limits: r.Limits, Counts: r.Counts,
	}
}

// SettingAnswer is one element of the answer of /admin/config.
type SettingAnswer struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Source is "default", "environment" or the file that set it.
	Source string `json:"source"`
	// Variable is the variable that set it, if it is an alias.
	Variable string `json:"variable,omitempty"`
}

// Settings returns the settings of this process, without secrets.
func (a Answers) Settings() []SettingAnswer {
	settings := a.App.Settings()
	out := make([]SettingAnswer, len(settings))
	for i, s := range settings {
		out[i] = SettingAnswer(s)
	}
	return out
}

// ConnectionAnswer is one element of the answer of /admin/users/{user_id}/connections.
type ConnectionAnswer struct {
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
func (a Answers) Connections(escaped string) ([]ConnectionAnswer, error) {
	text, err := url.PathUnescape(escaped)
	if err != nil {
		text = ""
	}
	user, err := domain.ParseUserID(text)
	if err != nil {
		return nil, domain.Invalid("user_id", text, "1 to 255 characters", "Invalid user ID")
	}
	connections := a.App.Connections(user)
	out := make([]ConnectionAnswer, len(connections))
	for i, c := range connections {
		out[i] = ConnectionAnswer{
			Session: c.Session, Transport: c.Transport, Since: formatTime(c.Since), LastEventID: unlessZero(c.LastPosition),
			QueuedMessages: c.QueuedMessages, QueuedBytes: c.QueuedBytes, Origin: unlessZero(c.Origin),
		}
	}
	return out, nil
}

// CircuitAnswer is one element of the answer of /admin/circuits.
type CircuitAnswer struct {
	Service         string              `json:"service"`
	State           domain.CircuitState `json:"state"`
	Failures        int                 `json:"failures"`
	InFlight        int                 `json:"in_flight"`
	IdleConnections int                 `json:"idle_connections"`
}

// Circuits returns the state of the calls to each service behind the gateway.
func (a Answers) Circuits() []CircuitAnswer {
	reports := a.App.Circuits()
	out := make([]CircuitAnswer, len(reports))
	for i, r := range reports {
		out[i] = CircuitAnswer(r)
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
