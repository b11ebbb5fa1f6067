package diagnose

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestClockDifferences checks that a difference up to the limit is good, in both directions.
func TestClockDifferences(t *testing.T) {
	for skew, want := range map[time.Duration]Severity{
		0: Good, maxSkew: Good, -maxSkew: Good, maxSkew + time.Millisecond: Fault, -time.Hour: Fault,
	} {
		d := &checks{}
		d.checkClock(skew)
		require.Len(t, d.findings, 1)
		require.Equal(t, want, d.findings[0].Severity, skew)
		require.Equal(t, want == Fault, d.findings[0].Advice != "", skew)
	}
}
