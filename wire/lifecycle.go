package wire

import (
	"context"
	"net/http"
	"slices"

	"github.com/huleedu/edge/ports"
)

// lifecycle collects what the adapters of a process need from it. An overridden port
// adds nothing.
type lifecycle struct {
	health

	// tasks run from start to stop, in the order in which the adapters were built.
	tasks []*task
	// flushSteps run at the end of the drain and releases after it, both in reverse
	// order, so that an adapter ends before those that it uses.
	flushSteps []step
	releases   []func()
	// metrics serves /metrics; nil omits the route.
	metrics http.Handler
}

// health contains the probes of the adapters that were built.
type health struct {
	// own are components of this node that decide whether it is ready. shared are
	// dependencies of all nodes, which are only reported, and so are downstream, the
	// services behind the gateway.
	own, shared, downstream []ports.HealthProbe
	// subscription reports whether this node receives messages; nil: always.
	subscription ports.HealthProbe
	// redis reports the health of Redis; nil if Redis is not used.
	redis ports.HealthProbe
	// circuits report about the services behind the gateway.
	circuits []ports.CircuitReporter
	// redisAddress is the URL of Redis without credentials, for health responses.
	redisAddress string
}

// newLifecycle returns an empty lifecycle and the function that releases what the
// adapters registered.
func newLifecycle() (*lifecycle, func()) {
	l := &lifecycle{}
	return l, func() {
		for _, release := range slices.Backward(l.releases) {
			release()
		}
	}
}

// run adds background work that returns when its context is done.
func (l *lifecycle) run(name string, work func(context.Context) error) {
	l.tasks = append(l.tasks, newTask(name, work))
}

// flush adds a step that writes buffered data before the process ends.
func (l *lifecycle) flush(name string, do func(context.Context) error) {
	l.flushSteps = append(l.flushSteps, step{name, do})
}

// release adds a function that closes connections after the process has stopped.
func (l *lifecycle) release(do func()) { l.releases = append(l.releases, do) }
