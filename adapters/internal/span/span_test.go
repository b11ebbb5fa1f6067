package span

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

func TestForwardSpansAreBounded(t *testing.T) {
	s := &deliverySpans{limiter: rate.NewLimiter(maxForwardSpans, maxForwardSpans)}
	offered := 0
	for range 3 * maxForwardSpans {
		if s.Sample(time.Unix(1, 0)) {
			offered++
		}
	}
	require.Equal(t, maxForwardSpans, offered)
	require.True(t, s.Sample(time.Unix(2, 0)))
}
