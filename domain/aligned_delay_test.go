package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/domain"
)

func TestAlignedDelayIsBetweenHalfAndOneAndAHalfPeriods(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]time.Duration{
		0:                       5 * time.Second,
		time.Nanosecond:         5*time.Second - time.Nanosecond,
		2500 * time.Millisecond: 2500 * time.Millisecond,
		4 * time.Second:         6 * time.Second,
	} {
		require.Equal(t, want, domain.AlignedDelay(noon.Add(after), 5*time.Second), "%v after a beat", after)
	}
}

// TestTasksWithOnePeriodRunTogether: whoever waits ends on a beat, neither at once nor late.
func TestTasksWithOnePeriodRunTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(t, "now"))
		period := time.Duration(rapid.Int64Range(2, int64(time.Hour)).Draw(t, "period"))
		wait := domain.AlignedDelay(now, period)
		if now.Add(wait).UnixNano()%int64(period) != 0 || wait < period/2 || wait >= period+period/2 {
			t.Fatalf("%v", wait)
		}
	})
}
