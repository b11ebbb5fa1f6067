package redis

import (
	"context"
	"errors"
	"strconv"
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
		_ = s.rdb.Publish(timed, s.probe, probePayload(time.Now())).Err()
		cancel()
	}
}

// probePayload returns the text of a probe that is sent at this time.
func probePayload(sent time.Time) string { return strconv.FormatInt(sent.UnixNano(), 10) }

// receiveProbe records a probe. Redis delivers the messages of a connection in order, so that all
// that was published before the probe was sent has arrived. It ignores the time of a probe that
// is not in the form of probePayload.
func (s *shard) receiveProbe(payload string) {
	s.missedProbes.Store(0)
	if sent, err := strconv.ParseInt(payload, 10, 64); err == nil {
		now := time.Now()
		s.completeUntil = now.Add(min(time.Unix(0, sent).Sub(now), 0)) // with the monotonic time
	}
	if !s.probeReceived.Swap(true) {
		s.changed(nil)
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
