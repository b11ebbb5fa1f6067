package app

import (
	"context"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// NodeInfo identifies this process and its build.
type NodeInfo struct {
	Service domain.Service
	// Version is the release, Revision the commit of the source.
	Version, Revision string
	// Name is the host name and the process id.
	Name        string
	Started     time.Time
	Environment domain.Environment
}

// NodeReport is what operators can learn about a node.
type NodeReport struct {
	NodeInfo
	ReadinessReport

	// Limits are the bounds of the node by name, Counts what is in use now.
	Limits, Counts map[string]int64
}

// OperatorsParts are the dependencies of Operators.
type OperatorsParts struct {
	Node      NodeInfo
	Readiness *Readiness
	// Limits are the bounds of the node by name.
	Limits map[string]int64
	// Counts returns what is in use by name. It must not block.
	Counts func() map[string]int64
	// Connections list the connections of each transport; empty for the gateway.
	Connections []ports.ConnectionLister
	// Circuits report about the services behind the gateway; empty for the notification
	// service.
	Circuits []ports.CircuitReporter
	// Settings are the settings of the process, without secrets.
	Settings []domain.EffectiveSetting
}

// Operators answers the questions of operators about this node. It changes nothing.
type Operators struct{ parts OperatorsParts }

// NewOperators returns the use case.
func NewOperators(p OperatorsParts) *Operators { return &Operators{p} }

// Node returns the report about this node. It queries every health probe.
func (o *Operators) Node(ctx context.Context) NodeReport {
	return NodeReport{
		NodeInfo: o.parts.Node, ReadinessReport: o.parts.Readiness.Check(ctx),
		Limits: o.parts.Limits, Counts: o.parts.Counts(),
	}
}

// Connections returns the connections of the user on this node. Those of an unknown user are
// none.
func (o *Operators) Connections(user domain.UserID) []domain.ConnectionState {
	var all []domain.ConnectionState
	for _, l := range o.parts.Connections {
		all = append(all, l.Connections(user)...)
	}
	return all
}

// Circuits returns the reports about all services behind the gateway.
func (o *Operators) Circuits() []domain.CircuitReport {
	var all []domain.CircuitReport
	for _, r := range o.parts.Circuits {
		all = append(all, r.Circuits()...)
	}
	return all
}

// Settings returns the settings of the process, without secrets. The caller must not change
// the slice.
func (o *Operators) Settings() []domain.EffectiveSetting { return o.parts.Settings }
