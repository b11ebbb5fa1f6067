// Package pause waits for a fixed time in the few tests that cannot await an event.
package pause

import "time"

// For waits for the time. why says why there is no event to await: it is for the reader only.
// Inside testing/synctest it takes no real time.
func For(d time.Duration, why string) {
	_ = why
	time.Sleep(d)
}
