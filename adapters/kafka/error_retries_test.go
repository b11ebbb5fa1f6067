package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRejectedChecksumIsRetriedThreeTimes(t *testing.T) {
	for class, want := range map[errorClass][5]bool{
		{outcome: recordInvalid, retried: true}:  {true, true, true, false, false},
		{outcome: unknown, retried: true}:        {true, true, true, true, true},
		{outcome: recordInvalid, retried: false}: {},
		{outcome: misconfigured}:                 {},
	} {
		for attempt, retries := range want {
			require.Equal(t, retries, class.retries(attempt), "%+v, attempt %d", class, attempt)
		}
	}
}
