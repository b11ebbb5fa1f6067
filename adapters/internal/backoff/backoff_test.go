package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/backoff"
)

const (
	first   = 100 * time.Millisecond
	longest = time.Second
)

func TestWaitIsRandomAndDoublesUpToTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for attempt, milliseconds := range []int{100, 200, 400, 800, 1000, 1000, 1000} {
			most := time.Duration(milliseconds) * time.Millisecond
			seen := map[time.Duration]bool{}
			for range 100 {
				waited := wait(t.Context(), attempt)
				require.GreaterOrEqual(t, waited, most/2)
				require.LessOrEqual(t, waited, most)
				seen[waited] = true
			}
			require.Greater(t, len(seen), 90, "nodes that failed together must not retry together")
		}
	})
}

func TestWaitAcceptsAnyAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.LessOrEqual(t, wait(t.Context(), 1_000_000), longest)
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.Equal(t, time.Millisecond, wait(ctx, 0))
		require.Zero(t, wait(ctx, 100))
	})
}

// wait returns how long Wait takes.
func wait(ctx context.Context, attempt int) time.Duration {
	began := time.Now()
	backoff.Wait(ctx, attempt, first, longest)
	return time.Since(began)
}
