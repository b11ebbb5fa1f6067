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

func TestIdempotencyContract(t *testing.T) {
	contract.Idempotency(t, contract.IdempotencyHarness{New: func(testing.TB) contract.IdempotencyRig {
		i := memory.NewIdempotency()
		return contract.IdempotencyRig{Store: i, Other: i}
	}})
}

func TestIdempotencyDeletesExpiredRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := memory.NewIdempotency()
		key := func(n int) domain.IdempotencyKey { return domain.IdempotencyKey{Key: strconv.Itoa(n)} }
		state := func(n int) domain.ClaimState {
			c, err := i.Claim(t.Context(), key(n), "d")
			require.NoError(t, err)
			if n == 0 && c.State == domain.Claimed {
				require.NoError(t, i.Confirm(t.Context(), key(n), c.Ticket, []byte("a")))
			}
			return c.State
		}
		for n := range 3000 {
			require.Equal(t, domain.Claimed, state(n))
		}
		time.Sleep(time.Minute)
		require.Equal(t, domain.Running, state(1), "a claim must last longer than any request")
		time.Sleep(time.Minute)
		require.Equal(t, domain.Claimed, state(1), "the claim of a lost request must expire")
		for n := range 3000 {
			state(5000 + n)
		}
		time.Sleep(24*time.Hour - 2*time.Minute - 1)
		require.Equal(t, domain.Completed, state(0))
		time.Sleep(time.Nanosecond)
		require.Equal(t, domain.Claimed, state(0))
	})
}

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
