package domain

import "time"

// AlignedDelay returns how long to wait until the next time that is a multiple of
// period. Periodic tasks with the same period then run at the same time, so that an
// idle process wakes once for all of them. The result is at least half a period, so
// that a step of the clock does not run a task twice, and less than one and a half.
func AlignedDelay(now time.Time, period time.Duration) time.Duration {
	left := period - time.Duration(now.UnixNano()%int64(period))
	if left < period/2 {
		left += period
	}
	return left
}
