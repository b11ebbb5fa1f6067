package wire

import "time"

// The defaults of a drain, as the settings' tags have them. A setting that is
// not set adapts to those that are, so that only values that were chosen can
// conflict.
const (
	defaultTimeout = 25 * time.Second
	defaultNotice  = 2 * time.Second
	defaultSpread  = 10 * time.Second
)

// Complete derives what is not set of the notice and the timeout.
func (d *GatewayDrain) Complete(set func(variable string) bool) {
	notice, timeout := set("API_GATEWAY_DRAIN_NOTICE"), set("API_GATEWAY_DRAIN_TIMEOUT")
	switch {
	case timeout && !notice:
		d.Notice = inProportion(defaultNotice, d.Timeout)
	case notice && !timeout:
		d.Timeout = max(d.Timeout, d.Notice+defaultTimeout-defaultNotice)
	}
}

// Complete derives what is not set of the drain's notice, spread and timeout.
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

// inProportion shortens a part of the default timeout as that is shortened.
func inProportion(part, timeout time.Duration) time.Duration {
	if timeout >= defaultTimeout {
		return part
	}
	return max(0, time.Duration(float64(part)*timeout.Seconds()/defaultTimeout.Seconds()))
}

// halfOf is half of what is left, if anything is.
func halfOf(left time.Duration) time.Duration { return max(0, left/2) }
