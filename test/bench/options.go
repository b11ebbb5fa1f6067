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

// scenario is one question that is put to ours and to the baseline.
type scenario struct {
	group, name string
	run         func(context.Context, *lab) ([]row, error)
}

// scenarios are all of them, in the order in which they run.
func scenarios() []scenario {
	return []scenario{
		{"gateway", "status", status},
		{"gateway", "latency", addedLatency},
		{"gateway", "waiting", waiting},
		{"gateway", "bulkhead", bulkhead},
		{"gateway", "upload", upload},
		{"sockets", "idle", idleMemory},
		{"sockets", "idlecpu", idleCPU},
		{"sockets", "fanout", fanout},
		{"sockets", "storm", storm},
		{"sockets", "slow", slowReaders},
		{"publish", "publisher", publisher},
		{"publish", "post", wholePost},
	}
}

// options are what the flags say.
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

// parse reads the command line. The quick form changes defaults; a flag that is
// given wins over both forms.
func parse(args []string, errs io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errs)
	f.BoolVar(&o.quick, "quick", false, "seconds instead of minutes: shows that it works, its figures mean little")
	f.IntVar(&o.rounds, "rounds", 0, "rounds in which ours and the baseline take turns (5; quick 1)")
	f.IntVar(&o.users, "users", 0, "users that share a load (1000; quick 100)")
	f.IntVar(&o.sockets, "n", 0, "storm, and idle when quick: sockets, at most 10000 (5000; quick 200)")
	f.DurationVar(&o.span, "span", 0, "length of one measured load (5s; quick 300ms)")
	f.BoolVar(&o.inside, "inside", false, "run the services from this program instead of building them")
	f.StringVar(&o.profile, "profile", "", "directory for CPU profiles of the services; implies -inside")
	f.StringVar(&o.redis, "redis", "", "host:port of a Redis; empty starts one")
	f.StringVar(&o.kafka, "kafka", "", "host:port of a Kafka; empty starts one where it is needed")
	f.Usage = func() {
		_, _ = fmt.Fprintln(errs, "usage: bench [flags] [group|group/scenario ...]\n\nscenarios:")
		for _, s := range scenarios() {
			_, _ = fmt.Fprintf(errs, "  %s/%s\n", s.group, s.name)
		}
		f.PrintDefaults()
	}
	// Names and flags may stand in any order: "gateway -quick" reads well.
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
	o.fill()
	if o.sockets > 10000 {
		return o, fmt.Errorf("-n %d: at most 10000", o.sockets)
	}
	err := o.choose(names)
	return o, err
}

// fill sets what was left open.
func (o *options) fill() {
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

// choose keeps the scenarios that are named; no name means all.
func (o *options) choose(names []string) error {
	for _, name := range names {
		known := slices.ContainsFunc(scenarios(), func(s scenario) bool { return s.called(name) })
		if !known {
			return fmt.Errorf("no scenario %q; -h lists them", name)
		}
	}
	for _, s := range scenarios() {
		if len(names) == 0 || slices.ContainsFunc(names, s.called) {
			o.scenarios = append(o.scenarios, s)
		}
	}
	return nil
}

// called reports whether a name on the command line means this scenario.
func (s scenario) called(name string) bool {
	group, one, narrow := strings.Cut(name, "/")
	return group == s.group && (!narrow || one == s.name)
}

// size is how much of something a scenario uses: so much, or so little when it
// is quick.
func (o *options) size(full, quick int) int {
	if o.quick {
		return quick
	}
	return full
}
