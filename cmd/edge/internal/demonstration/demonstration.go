// Package demonstration is what the console of "edge up" shows beside the services: their spans, a
// second node, and the faults.
package demonstration

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/huleedu/edge/cmd/edge/internal/console"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// Setup is what the console of "edge up" shows beside the services: their spans, a second
// node, and the faults.
type Setup struct {
	spans    *console.Recorder
	tracing  struct{ gateway, sockets *sdk.TracerProvider }
	faults   *faults
	node     *secondNode
	balancer *balancer
	// Gateway and Notifications are the services, once they are built.
	Gateway, Notifications *wire.Process
}

// New prepares the demonstration. vars are the variables of the services; errs receives the output of
// the second node. The caller must call Close.
func New(vars map[string]string, w *world.World, errs io.Writer) *Setup {
	d := &Setup{spans: &console.Recorder{}, node: &secondNode{vars: vars, errs: errs}}
	d.tracing.gateway, d.tracing.sockets = d.spans.Provider(string(domain.GatewayService)), d.spans.Provider(string(domain.WebSocketService))
	d.faults = newFaults(w, d.node)
	return d
}

// Overrides returns the adapters that record the spans of the services. They record nothing when
// the variables name a collector: the spans go there.
func (d *Setup) Overrides(vars map[string]string) (wire.GatewayOverride, wire.WebSocketOverride) {
	if cmp.Or(vars["OTEL_EXPORTER_OTLP_ENDPOINT"], vars["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) != "" {
		return wire.GatewayOverride{}, wire.WebSocketOverride{}
	}
	return wire.GatewayOverride{Tracing: d.tracing.gateway}, wire.WebSocketOverride{Tracing: d.tracing.sockets}
}

// Close repairs the faults and ends the second node and the balancer.
func (d *Setup) Close() {
	d.faults.close()
	if d.balancer != nil {
		d.balancer.close()
	}
	ctx := context.Background()
	_ = errors.Join(d.tracing.gateway.Shutdown(ctx), d.tracing.sockets.Shutdown(ctx)) // the recorder does not fail
}

// Repair repairs what would delay the end of the services, and kills the second node.
func (d *Setup) Repair() { d.faults.close() }

// Balance starts the relay that stands for the load balancer in front of the nodes.
func (d *Setup) Balance() (err error) {
	d.balancer, err = startBalancer(func() string { return cmp.Or(d.node.addr(), d.Notifications.Addr) })
	return err
}

// Describe returns the demonstration for the console. Balance must have been called.
func (d *Setup) Describe(teachers []console.Teacher, token func(console.Teacher) (string, error)) *console.Demonstration {
	return &console.Demonstration{
		Gateway: "http://" + d.Gateway.Addr, Notifications: "http://" + d.Notifications.Addr, Balancer: d.balancer.url(),
		Teachers: teachers, Token: token, Spans: d.spans, Faults: d.faults,
	}
}

// AdminAddresses returns the addresses that answer operators' requests.
func (d *Setup) AdminAddresses() []string {
	all := []string{cmp.Or(d.Gateway.AdminAddr, d.Gateway.Addr), cmp.Or(d.Notifications.AdminAddr, d.Notifications.Addr), d.node.adminAddr()}
	return slices.DeleteFunc(all, func(address string) bool { return address == "" })
}
