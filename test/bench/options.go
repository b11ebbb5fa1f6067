package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// scenario is one benchmark.
type scenario struct {
	group, name string
	run         func(context.Context, *runner) ([]row, error)
}

// scenarios returns all benchmarks in the order in which they run.
func scenarios() []scenario {
	return []scenario{
		{"gateway", "status", status},
		{"gateway", "latency", addedLatency},
		{"gateway", "waiting", waitingMemory},
		{"gateway", "bulkhead", bulkhead},
		{"gateway", "upload", upload},
		{"sockets", "idle", idleMemory},
		{"sockets", "idlecpu", idleCPU},
		{"sockets", "idlestreams", idleStreams},
		{"sockets", "fanout", fanout},
		{"sockets", "storm", storm},
		{"sockets", "slow", slowReaders},
		{"publish", "publisher", publisherLatency},
		{"publish", "post", postPipeline},
	}
}

// options holds the command line flags.
type options struct {
	scenarios []scenario
	quick     bool
	rounds    int
	users     int
	sockets   int
	span      time.Duration
	inside    bool
	profile   string
	redis     string
	kafka     string
}

// parse reads the command line. -quick changes the defaults of other flags.
func parse(args []string, errs io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errs)
	f.BoolVar(&o.quick, "quick", false, "run for seconds instead of minutes; the results are not meaningful")
	f.IntVar(&o.rounds, "rounds", 0, "number of rounds (5; quick 1)")
	f.IntVar(&o.users, "users", 0, "number of users of a load (1000; quick 100)")
	f.IntVar(&o.sockets, "n", 0, "number of sockets of storm (and of idle with -quick), at most 10000 (5000; quick 200)")
	f.DurationVar(&o.span, "span", 0, "duration of one measured load (5s; quick 300ms)")
	f.BoolVar(&o.inside, "inside", false, "run the services in child processes of this program instead of building them")
	f.StringVar(&o.profile, "profile", "", "directory for CPU profiles of the services; implies -inside")
	f.StringVar(&o.redis, "redis", "", "host:port of a Redis; default: start one")
	f.StringVar(&o.kafka, "kafka", "", "host:port of a Kafka; default: start one when it is needed")
	f.Usage = func() {
		_, _ = fmt.Fprintln(errs, "usage: bench [flags] [group|group/scenario ...]\n\nscenarios:")
		for _, s := range scenarios() {
			_, _ = fmt.Fprintf(errs, "  %s/%s\n", s.group, s.name)
		}
		f.PrintDefaults()
	}
	// Names and flags may be mixed: "gateway -quick".
	var names []string
	for rest := args; ; {
		if err := f.Parse(rest); err != nil {
			return o, err
		}
		if rest = f.Args(); len(rest) == 0 {
			break
		}
		names, rest = append(names, rest[0]), rest[1:]
	}
	o.inside = o.inside || o.profile != ""
	o.setDefaults()
	if o.sockets > 10000 {
		return o, fmt.Errorf("-n %d: at most 10000", o.sockets)
	}
	err := o.selectScenarios(names)
	return o, err
}

// setDefaults sets the defaults.
func (o *options) setDefaults() {
	full := options{rounds: 5, users: 1000, sockets: 5000, span: 5 * time.Second}
	if o.quick {
		full = options{rounds: 1, users: 100, sockets: 200, span: 300 * time.Millisecond}
	}
	if o.rounds <= 0 {
		o.rounds = full.rounds
	}
	if o.users <= 0 {
		o.users = full.users
	}
	if o.sockets <= 0 {
		o.sockets = full.sockets
	}
	if o.span <= 0 {
		o.span = full.span
	}
}

// selectScenarios selects the named scenarios, or all without names.
func (o *options) selectScenarios(names []string) error {
	for _, name := range names {
		known := slices.ContainsFunc(scenarios(), func(s scenario) bool { return s.matches(name) })
		if !known {
			return fmt.Errorf("unknown scenario %q; -h lists them", name)
		}
	}
	for _, s := range scenarios() {
		if len(names) == 0 || slices.ContainsFunc(names, s.matches) {
			o.scenarios = append(o.scenarios, s)
		}
	}
	return nil
}

// matches reports whether a command line name selects this scenario.
func (s scenario) matches(name string) bool {
	group, one, narrow := strings.Cut(name, "/")
	return group == s.group && (!narrow || one == s.name)
}

// size returns quick with -quick and full otherwise.
func (o *options) size(full, quick int) int {
	if o.quick {
		return quick
	}
	return full
}
