// Package background runs the background work of a part under test.
package background

import (
	"context"
	"sync"
	"testing"
)

// Run calls run in a goroutine. The end of the test, or an earlier call of stop, cancels its
// context, waits until run returns and reports its error as a failure.
func Run(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}
