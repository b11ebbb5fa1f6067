package matrix_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/metrics"
)

// The number of cells of the whole matrix and of the sample; fewer are a failure of this test.
const (
	cellCount   = 7765
	sampleCount = 1351
)

// onlyCells is a variable with a regular expression of names of cells. When it
// is set, only those run, and their number is not checked.
const onlyCells = "EDGE_MATRIX_CELLS"

// The cells that run at a time: those that work, and those that wait for a
// deadline.
const (
	working = 12
	waiting = 160
)

// cells returns the whole matrix.
func cells() []*cell {
	chosen := regexp.MustCompile(os.Getenv(onlyCells))
	var out []*cell
	known := bodies()
	for _, r := range routes() {
		for _, f := range r.failures {
			for _, name := range r.bodies {
				if f.small && known[name].large {
					continue
				}
				if c := newCell(r, f, known[name]); chosen.MatchString(c.name()) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// sample returns cells that contain each pair of the matrix: a handler and method with a failure, a route with a body, a
// failure with a body. The routes of both forwarded services have one handler. It chooses cells with three new pairs first, then with two, then with one.
func sample(all []*cell) []*cell {
	seen := map[[2]string]bool{}
	var out []*cell
	for least := 3; least > 0; least-- {
		for _, c := range all {
			var unseen [][2]string
			for _, p := range c.pairs() {
				if !seen[p] {
					unseen = append(unseen, p)
				}
			}
			if len(unseen) < least {
				continue
			}
			out = append(out, c)
			for _, p := range unseen {
				seen[p] = true
			}
		}
	}
	return out
}

// pairs returns the three pairs of a cell.
func (c *cell) pairs() [][2]string {
	route, failure, body := "route "+c.route.name, "failure "+c.failure.site+c.failure.name, "body "+c.body.name
	handler := route
	if c.route.kind == through || c.route.kind == bodiless {
		handler = "forwarded " + c.route.method
	}
	return [][2]string{{handler, failure}, {route, body}, {failure, body}}
}

// TestFailureMatrix: for every route, failure of its service and request body,
// the client gets exactly one well-formed answer with the right status and
// code, or a cut after the answer has begun. The next request on the
// connection works, log, metrics and spans agree, and other users notice
// nothing.
func TestFailureMatrix(t *testing.T) {
	e := newEnvironment(t)
	gateways := e.sites(t)
	others := startBystanders(gateways[scriptSite].addr, 20*time.Millisecond)
	began := time.Now()
	matrix, least := cells(), cellCount
	if os.Getenv(onlyCells) != "" {
		least = 1
	} else if !harness.Full() {
		matrix, least = sample(matrix), sampleCount
	}
	runAll(e, gateways, matrix)
	took := time.Since(began)
	lost := others.stop()
	pages := map[string]metrics.Page{}
	for name, g := range gateways {
		pages[name] = scrape(t, g)
		g.stop(t, name)
	}
	spans := spansOf(e.collector)
	for _, c := range matrix {
		c.checkRecords(e, gateways[c.failure.site], spans[c.id])
	}
	for name, m := range pages {
		for _, problem := range compareCounters(m, spans.from(gatewayName(name))) {
			t.Errorf("metrics of gateway %q: %s", name, problem)
		}
	}
	report(t, matrix, took)
	require.Empty(t, lost, "requests of other users that failed")
	logged, raced := 0, 0
	for _, c := range matrix {
		if c.logged {
			logged++
		}
		if c.raced {
			raced++
		}
	}
	require.LessOrEqual(t, raced, len(matrix)/200, "requests that met a connection while its service closed it")
	require.Greater(t, logged, len(matrix)/4, "cells with a log line")
	require.GreaterOrEqual(t, len(matrix), least)
}

// runAll runs the cells on two pools of workers.
func runAll(e *environment, gateways map[string]*gateway, matrix []*cell) {
	var group sync.WaitGroup
	for _, pool := range []struct {
		size  int
		waits bool
	}{{working, false}, {waiting, true}} {
		queue := make(chan *cell)
		for range pool.size {
			group.Go(func() {
				for c := range queue {
					e.service.expect(c.id, c.plan)
					c.arrived = e.service.requests
					c.run(gateways[c.failure.site].addr)
				}
			})
		}
		group.Go(func() {
			defer close(queue)
			for _, c := range matrix {
				if c.waits() == pool.waits {
					queue <- c
				}
			}
		})
	}
	group.Wait()
}

// report prints how many cells ran and fails for each cell with a problem, one
// line each.
func report(t *testing.T, matrix []*cell, took time.Duration) {
	t.Helper()
	routes, failures, red := tally{}, tally{}, 0
	for _, c := range matrix {
		bad := 0
		if len(c.problems) > 0 {
			bad = 1
			t.Errorf("CELL %s: %s [%s]", c.name(), strings.Join(c.problems, "; "), c.recorded)
		}
		red += bad
		routes.add(c.route.name, bad)
		failures.add(c.failure.name, bad)
	}
	t.Logf("\n%s\n%s", routes.table("route"), failures.table("failure"))
	t.Logf("failure matrix: %d cells on %d routes, %d failures, in %s; %d red",
		len(matrix), len(routes), len(failures), took.Round(time.Second), red)
}

// tally counts cells, and those with a problem, by name.
type tally map[string][2]int

func (n tally) add(name string, bad int) { n[name] = [2]int{n[name][0] + 1, n[name][1] + bad} }

func (n tally) table(title string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%-32s cells   red\n", title)
	for _, name := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintf(&out, "%-32s %5d %5d\n", name, n[name][0], n[name][1])
	}
	return out.String()
}
