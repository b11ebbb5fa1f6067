package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/huleedu/edge/cmd/edge/internal/console"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// demonstration is what the console of "edge up" shows beside the services: their spans, a second
// node, and the faults.
type demonstration struct {
	spans    *console.Recorder
	tracing  struct{ gateway, sockets *sdk.TracerProvider }
	faults   *faults
	node     *secondNode
	balancer *balancer
	// gateway and notifications are the services, once they are built.
	gateway, notifications *wire.Process
}

// newDemonstration prepares the demonstration. vars are the variables of the services. The caller
// must call close.
func (t tool) newDemonstration(vars map[string]string, w *world.World) *demonstration {
	d := &demonstration{spans: &console.Recorder{}, node: &secondNode{vars: vars, errs: t.errs}}
	d.tracing.gateway, d.tracing.sockets = d.spans.Provider(string(domain.GatewayService)), d.spans.Provider(string(domain.WebSocketService))
	d.faults = newFaults(w, d.node)
	return d
}

// overrides returns the adapters that record the spans of the services. They record nothing when
// the variables name a collector: the spans go there.
func (d *demonstration) overrides(vars map[string]string) (wire.GatewayOverride, wire.WebSocketOverride) {
	if cmp.Or(vars["OTEL_EXPORTER_OTLP_ENDPOINT"], vars["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) != "" {
		return wire.GatewayOverride{}, wire.WebSocketOverride{}
	}
	return wire.GatewayOverride{Tracing: d.tracing.gateway}, wire.WebSocketOverride{Tracing: d.tracing.sockets}
}

// close repairs the faults and ends the second node and the balancer.
func (d *demonstration) close() {
	d.faults.close()
	if d.balancer != nil {
		d.balancer.close()
	}
	ctx := context.Background()
	_ = errors.Join(d.tracing.gateway.Shutdown(ctx), d.tracing.sockets.Shutdown(ctx)) // the recorder does not fail
}

// startPages serves the console and the example page unless the address is empty, and prints
// their URLs. vars are the variables of the services.
func (t tool) startPages(address string, vars map[string]string, d *demonstration) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	d.balancer, err = startBalancer(func() string { return cmp.Or(d.node.addr(), d.notifications.Addr) })
	if err != nil {
		return nil, err
	}
	gateway, notifications := "http://"+d.gateway.Addr, "http://"+d.notifications.Addr
	c := console.Config{
		AllowActions: true, Log: slog.New(slog.NewTextHandler(t.errs, nil)),
		Demonstration: &console.Demonstration{
			Gateway: gateway, Notifications: notifications, Balancer: d.balancer.url(),
			Teachers: sampleTeachers(), Spans: d.spans, Faults: d.faults,
			Token: func(teacher console.Teacher) (string, error) {
				return t.generateToken(teacher.User, teacher.Org, time.Hour)
			},
		},
	}
	release, err := t.addOperatorSources(&c, vars, d.adminAddresses)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(examplePath, t.exampleHandler(gateway, notifications))
	mux.Handle(console.Path, console.NewHandler(c))
	url, stopServer, err := t.servePages(address, mux)
	if err != nil {
		release()
		return nil, err
	}
	t.printf("console        %s%s\n", url, console.Path)
	t.printf("example        %s%s\n", url, examplePath)
	return func() {
		stopServer()
		release()
	}, nil
}

// adminAddresses returns the addresses that answer operators' requests.
func (d *demonstration) adminAddresses() []string {
	return withoutEmpty(cmp.Or(d.gateway.AdminAddr, d.gateway.Addr), cmp.Or(d.notifications.AdminAddr, d.notifications.Addr), d.node.adminAddr())
}
