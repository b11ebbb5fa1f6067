package wire

import "time"

// The tags of the settings have these defaults too. A setting that is not set is adapted to
// those that are set, so that only explicit values can conflict.
const (
	// defaultTimeout is the default of the longest time of a drain.
	defaultTimeout = 25 * time.Second
	// defaultNotice is the default of how long a node serves after it reports not ready.
	defaultNotice = 2 * time.Second
	// defaultSpread is the default of the time over which a node closes its sockets.
	defaultSpread = 10 * time.Second
)

// Complete derives the notice from the timeout, or the timeout from the notice, if
// only one of them is set.
func (d *GatewayDrain) Complete(set func(variable string) bool) {
	notice, timeout := set("API_GATEWAY_DRAIN_NOTICE"), set("API_GATEWAY_DRAIN_TIMEOUT")
	switch {
	case timeout && !notice:
		d.Notice = inProportion(defaultNotice, d.Timeout)
	case notice && !timeout:
		d.Timeout = max(d.Timeout, d.Notice+defaultTimeout-defaultNotice)
	}
}

// Complete derives the settings of the drain that are not set from those that are.
func (c *WebSocketConfig) Complete(set func(variable string) bool) {
	notice, spread := set("WEBSOCKET_DRAIN_NOTICE"), set("WEBSOCKET_DRAIN_SPREAD")
	timeout := &c.Sockets.DrainTimeout
	if !set("WEBSOCKET_DRAIN_TIMEOUT") {
		*timeout = max(*timeout, c.Drain.Notice+c.Sockets.DrainSpread+defaultTimeout-defaultNotice-defaultSpread)
		return
	}
	if !spread {
		c.Sockets.DrainSpread = inProportion(defaultSpread, *timeout)
		if notice {
			c.Sockets.DrainSpread = min(c.Sockets.DrainSpread, halfOf(*timeout-c.Drain.Notice))
		}
	}
	if !notice {
		c.Drain.Notice = min(inProportion(defaultNotice, *timeout), halfOf(*timeout-c.Sockets.DrainSpread))
	}
}

// inProportion scales a part of the default timeout down to a shorter timeout.
func inProportion(part, timeout time.Duration) time.Duration {
	if timeout >= defaultTimeout {
		return part
	}
	return max(0, time.Duration(float64(part)*timeout.Seconds()/defaultTimeout.Seconds()))
}

// halfOf returns half of a duration, and zero for a negative one.
func halfOf(left time.Duration) time.Duration { return max(0, left/2) }
