package domain

import "time"

// UntilBeat is how long to wait for the next beat: the moments that are a whole
// number of periods from any other. What a process does every so often it does on
// beats, for then it wakes once for all that has the same period, and waking costs
// more than the looks that it wakes for. It is at least half a period, so that a
// clock which was set never brings two at once, and less than one and a half.
func UntilBeat(now time.Time, period time.Duration) time.Duration {
	left := period - time.Duration(now.UnixNano()%int64(period))
	if left < period/2 {
		left += period
	}
	return left
}
