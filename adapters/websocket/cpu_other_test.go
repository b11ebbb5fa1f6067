//go:build !unix

package websocket_test

import "time"

// cpu returns 0: the benchmarks do not measure processor time on this system.
func cpu() time.Duration { return 0 }
