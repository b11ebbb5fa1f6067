package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
)

func logHarness(find func(testing.TB) server, outage bool) contract.LogHarness {
	return contract.LogHarness{
		New: func(t testing.TB, most int) contract.LogRig {
			s := find(t)
			client, other := openClient(t, s.url), externalClient(t, s.url)
			return contract.LogRig{
				Log:       redis.NewLog(client),
				Publisher: redis.NewNotifier(client, redis.NotifierConfig{Max: most, TTL: time.Minute}, "ws:"),
				Expire: func(user domain.UserID) {
					key := "wslog:{" + string(user) + "}"
					require.Positive(t, other.PTTL(context.Background(), key).Val())
					require.True(t, other.PExpireAt(context.Background(), key, time.Unix(1, 0)).Val())
				},
				StartOutage: s.stop, Step: s.step,
			}
		},
		Outage: outage,
	}
}

// A key with another type of value is a temporary error, because an operator can delete it.
func TestLogReportsAKeyOfAnotherType(t *testing.T) {
	s := embedded(t)
	require.NoError(t, externalClient(t, s.url).Set(t.Context(), "wslog:{u1}", "x", 0).Err())
	log := redis.NewLog(openClient(t, s.url))
	_, err := log.Since(t.Context(), "u1", domain.PositionStart)
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	_, err = log.Last(t.Context(), "u1")
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
}

// Entries that no Notifier wrote must not prevent a client from resuming.
func TestLogSkipsForeignEntries(t *testing.T) {
	s := embedded(t)
	c := externalClient(t, s.url)
	require.NoError(t, c.Do(t.Context(), "XADD", "wslog:{u1}", "5-1", "other", "x").Err())
	require.NoError(t, c.Do(t.Context(), "XADD", "wslog:{u1}", "5-2", "other", "x", "frame", `{"a":1}`).Err())
	got, err := redis.NewLog(openClient(t, s.url)).Since(t.Context(), "u1", "5-1")
	require.NoError(t, err)
	require.True(t, got.Complete)
	require.Len(t, got.Entries, 1)
	require.Equal(t, `{"a":1,"id":"5-2"}`, string(got.Entries[0].Frame))
}
