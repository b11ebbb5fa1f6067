package redis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A message that was published shortly before the last received one can be lost too. An open
// gap keeps its beginning.
func TestGapBeginsBeforeTheLastReceivedMessage(t *testing.T) {
	t.Parallel()
	received := time.Now()
	s := shard{lastReceived: received}
	s.startGap()
	require.Equal(t, received.Add(-gapMargin), s.gapSince)
	s.lastReceived = received.Add(time.Minute)
	s.startGap()
	require.Equal(t, received.Add(-gapMargin), s.gapSince)
}
