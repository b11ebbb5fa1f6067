package redis

import (
	"context"
	"errors"
	"time"
)

// maxMissedProbes is the maximum number of consecutive probes that a connection may miss.
const maxMissedProbes = 2

var errProbeLost = errors.New("the subscription does not receive its probe")

// runProbe publishes to the connection's own channel, when that channel is confirmed and then
// at each interval. It returns errProbeLost after two missed probes, because a connection can
// stay open without receiving anything. A probe that cannot be sent counts as missed. It
// returns nil when ctx is done.
func (s *shard) runProbe(ctx context.Context) error {
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.probeConfirmed:
			ticker.Reset(s.interval)
		case <-ticker.C:
		}
		if s.missedProbes.Load() >= maxMissedProbes {
			return errProbeLost
		}
		s.missedProbes.Add(1)
		timed, cancel := context.WithTimeout(ctx, s.interval)
		_ = s.rdb.Publish(timed, s.probe, "").Err()
		cancel()
	}
}

// unhealthyReason returns why messages can be missed, or nil if this connection has
// received its probe. A confirmed connection without a received probe is not healthy.
func (s *shard) unhealthyReason() error {
	if s.probeReceived.Load() {
		return nil
	}
	return s.subs.downReason()
}
