package redis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAGapBeginsBeforeTheLastSignOfLife: what was published just before it may have
// been on its way. A gap that is open keeps its beginning.
func TestAGapBeginsBeforeTheLastSignOfLife(t *testing.T) {
	t.Parallel()
	heard := time.Now()
	s := shard{lastReceived: heard}
	s.startGap()
	require.Equal(t, heard.Add(-gapMargin), s.gapSince)
	s.lastReceived = heard.Add(time.Minute)
	s.startGap()
	require.Equal(t, heard.Add(-gapMargin), s.gapSince)
}
