package main

import (
	"context"
	"fmt"
	"time"
)

const statusPath = "GET /v1/batches/batch-%d/status"

// allowance is how many questions a user asks in a window, under the limit of
// 100 and with the first one already asked.
const allowance = 95

// doors starts the gateway and its baseline before one backend; release is
// owed when there is no error.
func (l *lab) doors(ctx context.Context) (doors pair, release func(), err error) {
	backend, err := l.own(ctx, "backend")
	if err != nil {
		return pair{}, nil, err
	}
	doors, err = both(
		func() (*process, error) { return l.gateway(ctx, backend, nil) },
		func() (*process, error) { return l.own(ctx, "proxy", "to=http://"+backend.addr) },
	)
	if err != nil {
		backend.stop()
		return pair{}, nil, err
	}
	return doors, func() { doors.stop(); backend.stop() }, nil
}

// status loads both with many users within their limits. A round has users of
// its own, whose tokens are checked before it is measured.
func status(ctx context.Context, l *lab) ([]row, error) {
	doors, release, err := l.doors(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	const conns = 64
	var perCPU, p50, p99 series
	bad := 0
	for range l.rounds {
		users, err := l.people(l.users)
		if err != nil {
			return nil, err
		}
		all := requests(users, statusPath)
		var o [2]outcome
		for i, p := range []*process{doors.ours, doors.bare} {
			warm, err := load(ctx, p, all, pace{conns, 1, time.Minute})
			if err != nil {
				return nil, err
			}
			if o[i], err = load(ctx, p, all, pace{conns, allowance, l.span}); err != nil {
				return nil, err
			}
			bad += warm.bad + o[i].bad
		}
		perCPU.add(o[0].perCPU(), o[1].perCPU())
		p50.add(median(o[0].took), median(o[1].took))
		p99.add(quantile(o[0].took, .99), quantile(o[1].took, .99))
	}
	return []row{
		perCPU.row("requests per CPU second").atLeast(0.6),
		p50.row(fmt.Sprintf("p50 at %d connections, ms", conns)),
		p99.row(fmt.Sprintf("p99 at %d connections, ms", conns)),
		single("answers other than 200", float64(bad)).atMost(0),
	}, nil
}

// addedLatency asks over one connection, both in turn in short blocks.
func addedLatency(ctx context.Context, l *lab) ([]row, error) {
	doors, release, err := l.doors(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	users, err := l.people(l.users)
	if err != nil {
		return nil, err
	}
	all := requests(users, statusPath)
	for _, p := range []*process{doors.ours, doors.bare} {
		if _, err := load(ctx, p, all, pace{1, 1, time.Minute}); err != nil {
			return nil, err
		}
	}
	var p50 series
	var added []float64
	bad := 0
	for range l.size(20, 4) * l.rounds {
		block := min(200, len(all))
		ours, err := load(ctx, doors.ours, all[:block], pace{1, 1, time.Minute})
		if err != nil {
			return nil, err
		}
		bare, err := load(ctx, doors.bare, all[:block], pace{1, 1, time.Minute})
		if err != nil {
			return nil, err
		}
		all = append(all[block:], all[:block]...)
		bad += ours.bad + bare.bad
		p50.add(median(ours.took), median(bare.took))
		added = append(added, median(ours.took)-median(bare.took))
	}
	return []row{
		p50.row("p50 at one connection, ms"),
		single("added p50 at one connection, ms", median(added)).atMost(0.2),
		single("answers other than 200", float64(bad)).atMost(0),
	}, nil
}
