package kafka_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/kafka"
)

// TestConsumerTellsWhatChanges: degraded from the start, each change once, no
// change no word, and trouble that nothing renews is over by itself.
func TestConsumerTellsWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := &facts{}
		s := kafka.NewStanding(told)
		require.Equal(t, []bool{true}, told.degraded())
		s.Left(errAway)
		s.Review()
		require.Equal(t, []bool{true}, told.degraded(), "nothing new")
		s.Joined()
		s.Review()
		require.Equal(t, []bool{true, false}, told.degraded())

		s.Behind(0, time.Hour)
		s.Review()
		require.Equal(t, []bool{true, false}, told.degraded(), "what is behind moves")
		s.Stuck(1, errAway)
		s.Review()
		time.Sleep(kafka.NoteLife)
		s.Review()
		require.Equal(t, []bool{true, false, true}, told.degraded())
		time.Sleep(time.Millisecond)
		s.Review()
		require.Equal(t, []bool{true, false, true, false}, told.degraded(), "nothing renewed the note")

		s.Left(nil)
		require.Equal(t, []bool{true, false, true, false, true}, told.degraded(), "between two assignments")
	})
}
