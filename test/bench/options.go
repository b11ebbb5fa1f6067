package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// scenario is one benchmark. beside names its baseline.
type scenario struct {
	group, name, beside string
	run                 func(context.Context, *runner) ([]row, error)
}

// The baselines that belong to this program.
const (
	bareProxyName   = "`httputil.ReverseProxy`"
	bareSocketsName = "gorilla, bare"
)

// scenarios returns all benchmarks in the order in which they run.
func scenarios() []scenario {
	return []scenario{
		{"gateway", "status", bareProxyName, status},
		{"gateway", "latency", bareProxyName, addedLatency},
		{"gateway", "waiting", bareProxyName, waitingMemory},
		{"gateway", "bulkhead", "", bulkhead},
		{"gateway", "upload", bareProxyName, upload},
		{"sockets", "idle", bareSocketsName, idleMemory},
		{"sockets", "idlecpu", bareSocketsName, idleCPU},
		{"sockets", "idlestreams", "", idleStreams},
		{"sockets", "fanout", bareSocketsName, fanout},
		{"sockets", "storm", bareSocketsName, storm},
		{"sockets", "slow", "the same before", slowReaders},
		{"peers", "idle", "Centrifugo", centrifugoIdle},
		{"peers", "idlestreams", "Centrifugo", centrifugoStreams},
		{"peers", "fanout", "Centrifugo", centrifugoFanout},
		{"peers", "storm", "Centrifugo", centrifugoStorm},
		{"peers", "status", "KrakenD CE", krakendStatus},
		{"publish", "publisher", "", publisherLatency},
		{"publish", "post", "", postPipeline},
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
	peers     peerPrograms
	page      string // file of -write
	changed   string // the flags that change a measurement, as typed
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
	f.StringVar(&o.peers.centrifugo, "centrifugo", "", "program of Centrifugo; without it the scenarios that need it are skipped")
	f.StringVar(&o.peers.krakend, "krakend", "", "program of KrakenD CE 1.4; without it the scenario that needs it is skipped")
	f.StringVar(&o.page, "write", "", "Markdown file; the results replace those of the same scenarios in its table")
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
	f.Visit(func(set *flag.Flag) {
		switch set.Name {
		case "write", "redis", "kafka", "centrifugo", "krakend": // they name files and servers
		default:
			o.changed += "-" + set.Name + "=" + set.Value.String() + " "
		}
	})
	o.setDefaults()
	if o.sockets > 10000 {
		return o, fmt.Errorf("-n %d: at most 10000", o.sockets)
	}
	if o.page != "" && (o.quick || o.profile != "") {
		return o, errors.New("-write: the results of -quick and -profile are not meaningful")
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

// id returns the name of the scenario on the command line.
func (s scenario) id() string { return s.group + "/" + s.name }

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
