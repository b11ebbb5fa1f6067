package demonstration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/huleedu/edge/cmd/edge/internal/console"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

var (
	errUnknownFault = errors.New("the demonstration has no such fault")
	errNotEmbedded  = errors.New("this server is external: the demonstration breaks only the embedded one")
)

// fault is an entry of the table of faults.
type fault struct {
	console.Fault

	// set breaks or repairs. A nil set is a fault of an external server.
	set func(ctx context.Context, on bool) error
	// replaces is the id of the fault that this one ends; empty if there is none.
	replaces string
}

// faults breaks the environment of "edge up" on purpose.
type faults struct {
	world *world.World
	node  *secondNode

	mu    sync.Mutex
	table []fault
}

// newFaults returns the faults of an environment.
func newFaults(w *world.World, node *secondNode) *faults {
	f := &faults{world: w, node: node}
	f.table = append(f.platformFaults(), f.serverFaults()...)
	f.table = append(f.table, f.nodeFaults()...)
	return f
}

// always returns a function that cannot fail.
func always(set func(on bool)) func(context.Context, bool) error {
	return func(_ context.Context, on bool) error {
		set(on)
		return nil
	}
}

// platformFaults returns the faults of the services behind the gateway.
func (f *faults) platformFaults() []fault {
	p := f.world.Platform
	mode := func(apply func(world.FailureMode), failure world.FailureMode) func(context.Context, bool) error {
		return always(func(on bool) {
			if on {
				apply(failure)
			} else {
				apply(world.NoFailure)
			}
		})
	}
	return []fault{
		{console.Fault{
			ID: "aggregator-stopped", Title: "The result aggregator is stopped", Break: "Stop it", Repair: "Start it",
			Effect: "The status of a batch, and a new pipeline, are refused with a 5xx. After five failures the circuit opens, and the gateway answers 503 CIRCUIT_BREAKER_OPEN without calling. Notifications still arrive.",
		}, mode(p.FailAggregator, world.Disconnect), "aggregator-slow"},
		{console.Fault{
			ID: "aggregator-slow", Title: "The result aggregator is slow", Break: "Slow it down", Repair: "Speed it up",
			Effect: "The status of a batch is answered 504 TIMEOUT after the time limit of the gateway. Other routes are not delayed.",
		}, mode(p.FailAggregator, world.Slow), "aggregator-stopped"},
		{console.Fault{
			ID: "orchestrator-stopped", Title: "The batch orchestrator is stopped", Break: "Stop it", Repair: "Start it",
			Effect: "A new pipeline is refused, because its preflight fails; nothing is published. The status of a batch is still answered.",
		}, mode(p.FailOrchestrator, world.Disconnect), ""},
		{console.Fault{
			ID: "credits-refused", Title: "Credits are refused", Break: "Take all credits", Repair: "Give credits",
			Effect: "A pipeline with a price, such as cj_assessment, is answered 402 with the orchestrator's own body. A spellcheck is free.",
		}, always(f.setCredits), ""},
	}
}

// setCredits takes or restores the credits of all sample teachers.
func (f *faults) setCredits(taken bool) {
	for _, t := range world.SampleTeachers() {
		credits := t.Credits
		if taken {
			credits = 0
		}
		f.world.Platform.SetCredits(t.User, credits)
	}
}

// serverFaults returns the faults of Redis and Kafka.
func (f *faults) serverFaults() []fault {
	frozen := fault{Fault: console.Fault{
		ID: "redis-frozen", Title: "Redis is frozen", Break: "Freeze it", Repair: "Thaw it",
		Effect: "Open connections stay open, and no notification arrives. After the thaw the devices are told of the gap (subscription_gap), and the stored notifications follow. Commands are still accepted: the gateway limits rates by itself.",
	}}
	killed := fault{Fault: console.Fault{
		ID: "kafka-killed", Title: "Kafka is killed", Break: "Kill it", Repair: "Start it",
		Effect: "A new pipeline is answered 503 KAFKA_PUBLISH_ERROR: its outcome is unknown. Direct messages on Redis still arrive; stored ones follow after the start.",
	}}
	if r := f.world.Redis(); r != nil {
		frozen.set = always(func(on bool) {
			if on {
				r.Freeze()
			} else {
				r.Thaw()
			}
		})
	}
	if k := f.world.Kafka(); k != nil {
		killed.set = always(func(on bool) {
			if on {
				k.Disconnect()
			} else {
				k.Resume()
			}
		})
	}
	return []fault{frozen, killed}
}

// nodeFaults returns the faults of the second node.
func (f *faults) nodeFaults() []fault {
	return []fault{
		{console.Fault{
			ID: "node-second", Title: "A second node of the notification service", Break: "Start it", Repair: "Stop it (drain)",
			Effect: "The Laptop connects to it; the Phone stays on the first node. A stop drains it: the Laptop gets close code 1012 and continues on the first node.",
		}, func(ctx context.Context, on bool) error {
			if on {
				return f.node.start(ctx)
			}
			return f.node.signal(syscall.SIGTERM)
		}, ""},
		{console.Fault{
			ID: "node-killed", Title: "The second node is killed", Break: "Kill it (SIGKILL)",
			Effect: "The Laptop's connection breaks without a close code. It connects to the first node and resumes at its last notification. The lease of the killed connection expires within 30 s.",
		}, func(context.Context, bool) error { return f.node.signal(syscall.SIGKILL) }, ""},
	}
}

// List implements console.Faults.
func (f *faults) List() []console.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	runs := f.node.addr() != ""
	out := make([]console.Fault, len(f.table))
	for i, entry := range f.table {
		out[i] = entry.Fault
		switch {
		case entry.set == nil:
			out[i].Unavailable = errNotEmbedded.Error()
		case entry.ID == "node-second":
			out[i].On = runs
		case entry.ID == "node-killed" && !runs:
			out[i].Unavailable = errNoNode.Error()
		}
	}
	return out
}

// Set implements console.Faults.
func (f *faults) Set(ctx context.Context, id string, on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.table, func(e fault) bool { return e.ID == id })
	if i < 0 {
		return errUnknownFault
	}
	entry := &f.table[i]
	if entry.set == nil {
		return errNotEmbedded
	}
	if entry.On == on && entry.Repair != "" && entry.ID != "node-second" {
		return nil
	}
	if err := entry.set(ctx, on); err != nil {
		return err
	}
	for j := range f.table {
		f.table[j].On = f.table[j].On && f.table[j].ID != entry.replaces
	}
	entry.On = on && entry.Repair != ""
	return nil
}

// Notify implements console.Faults.
func (f *faults) Notify(ctx context.Context, teacher string, stored bool) error {
	var err error
	if stored {
		request := world.NotificationRequestOf("class_created")
		request.Class = "class-console"
		err = f.world.Platform.Notify(ctx, domain.UserID(teacher), request)
	} else {
		err = f.world.Platform.PublishDirect(ctx, domain.UserID(teacher), "hello", map[string]any{"text": "from the console"})
	}
	if err != nil {
		return fmt.Errorf("the platform could not send it: %w", err)
	}
	return nil
}

// close repairs what would delay the end of "edge up", and kills the second node.
func (f *faults) close() {
	if r := f.world.Redis(); r != nil {
		_ = f.Set(context.Background(), "redis-frozen", false)
	}
	f.node.close()
}
