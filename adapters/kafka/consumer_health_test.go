package kafka_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/kafka"
)

// TestConsumerHealthReportsChanges checks that the consumer is degraded at start, that each
// change is reported once, and that an error expires.
func TestConsumerHealthReportsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := &facts{}
		h := kafka.NewConsumerHealth(reported)
		require.Equal(t, []bool{true}, reported.degraded())
		h.SetUnassigned(errUnavailable)
		h.Refresh()
		require.Equal(t, []bool{true}, reported.degraded(), "no change")
		h.SetAssigned()
		h.Refresh()
		require.Equal(t, []bool{true, false}, reported.degraded())

		h.SetLag(0, time.Hour)
		h.Refresh()
		require.Equal(t, []bool{true, false}, reported.degraded(), "lag is not degraded")
		h.SetError(1, errUnavailable)
		h.Refresh()
		time.Sleep(kafka.StatusTTL)
		h.Refresh()
		require.Equal(t, []bool{true, false, true}, reported.degraded())
		time.Sleep(time.Millisecond)
		h.Refresh()
		require.Equal(t, []bool{true, false, true, false}, reported.degraded(), "the error has expired")

		h.SetUnassigned(nil)
		require.Equal(t, []bool{true, false, true, false, true}, reported.degraded(), "between two assignments")
	})
}
