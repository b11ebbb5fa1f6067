package main

import (
	"context"
	"fmt"
	"time"
)

const statusPath = "GET /v1/batches/batch-%d/status"

// requestsPerUser is the number of requests per user in a rate limit window. The limit is
// 100, and the warm-up has used one.
const requestsPerUser = 95

// startGateways starts the gateway and its baseline with one backend. The caller must call
// release unless there is an error.
func (l *runner) startGateways(ctx context.Context) (doors pair, release func(), err error) {
	return l.startGatewayBeside(ctx, func(backend string) (*process, error) { return l.startChild(ctx, "proxy", "to="+backend) })
}

// startGatewayBeside starts the gateway and another proxy with one backend, whose URL other gets.
// The caller must call release unless there is an error.
func (l *runner) startGatewayBeside(ctx context.Context, other func(backend string) (*process, error)) (doors pair, release func(), err error) {
	backend, err := l.startChild(ctx, "backend")
	if err != nil {
		return pair{}, nil, err
	}
	doors, err = startBoth(
		func() (*process, error) { return l.startGateway(ctx, backend, nil) },
		func() (*process, error) { return other("http://" + backend.addr) },
	)
	if err != nil {
		backend.stop()
		return pair{}, nil, err
	}
	return doors, func() { doors.stop(); backend.stop() }, nil
}

// status compares the gateway with the bare proxy.
func status(ctx context.Context, l *runner) ([]row, error) {
	doors, release, err := l.startGateways(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	rows, err := l.statusLoad(ctx, doors)
	if err != nil {
		return nil, err
	}
	rows[0] = rows[0].atLeast(0.6)
	return rows, nil
}

// statusLoad sends requests of many users to both, within the rate limits. Each round
// has new users. Their tokens are verified in a warm-up.
func (l *runner) statusLoad(ctx context.Context, doors pair) ([]row, error) {
	const conns = 64
	var perCPU, p50, p99 series
	bad := 0
	for range l.rounds {
		users, err := l.newUsers(l.users)
		if err != nil {
			return nil, err
		}
		all := requests(users, statusPath)
		var o [2]loadResult
		for i, p := range []*process{doors.ours, doors.bare} {
			warm, err := load(ctx, p, all, loadLimits{conns, 1, time.Minute})
			if err != nil {
				return nil, err
			}
			if o[i], err = load(ctx, p, all, loadLimits{conns, requestsPerUser, l.span}); err != nil {
				return nil, err
			}
			bad += warm.failed + o[i].failed
		}
		perCPU.add(o[0].perCPU(), o[1].perCPU())
		p50.add(median(o[0].latencies), median(o[1].latencies))
		p99.add(quantile(o[0].latencies, .99), quantile(o[1].latencies, .99))
	}
	return []row{
		perCPU.row("requests per CPU second"),
		p50.row(fmt.Sprintf("p50 at %d connections, ms", conns)),
		p99.row(fmt.Sprintf("p99 at %d connections, ms", conns)),
		single("responses other than 200", float64(bad)).atMost(0),
	}, nil
}

// addedLatency sends requests over one connection, alternating in short blocks.
func addedLatency(ctx context.Context, l *runner) ([]row, error) {
	doors, release, err := l.startGateways(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	users, err := l.newUsers(l.users)
	if err != nil {
		return nil, err
	}
	all := requests(users, statusPath)
	for _, p := range []*process{doors.ours, doors.bare} {
		if _, err := load(ctx, p, all, loadLimits{1, 1, time.Minute}); err != nil {
			return nil, err
		}
	}
	var p50 series
	var added []float64
	bad := 0
	for range l.size(20, 4) * l.rounds {
		block := min(200, len(all))
		ours, err := load(ctx, doors.ours, all[:block], loadLimits{1, 1, time.Minute})
		if err != nil {
			return nil, err
		}
		bare, err := load(ctx, doors.bare, all[:block], loadLimits{1, 1, time.Minute})
		if err != nil {
			return nil, err
		}
		all = append(all[block:], all[:block]...)
		bad += ours.failed + bare.failed
		p50.add(median(ours.latencies), median(bare.latencies))
		added = append(added, median(ours.latencies)-median(bare.latencies))
	}
	return []row{
		p50.row("p50 at one connection, ms"),
		single("added p50 at one connection, ms", median(added)).atMost(0.2),
		single("responses other than 200", float64(bad)).atMost(0),
	}, nil
}
