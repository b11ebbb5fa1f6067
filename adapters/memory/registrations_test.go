package memory_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
)

func TestRegistrationsAreBatchRegistrations(t *testing.T) {
	contract.BatchRegistrations(t, contract.RegistrationsHarness{New: func(testing.TB) contract.RegistrationsRig {
		r := memory.NewRegistrations()
		return contract.RegistrationsRig{Store: r, Other: r}
	}})
}

func TestRegistrationsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.NewRegistrations()
		for n := range 5000 {
			require.NoError(t, r.Save(t.Context(), "u1", domain.BatchID(strconv.Itoa(n))))
		}
		time.Sleep(24*time.Hour - 1)
		found, err := r.Registered(t.Context(), "u1", "0")
		require.NoError(t, err)
		require.True(t, found)
		time.Sleep(time.Nanosecond)
		found, err = r.Registered(t.Context(), "u1", "0")
		require.NoError(t, err)
		require.False(t, found)
	})
}
