package redis_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
)

func TestDeniedCacheEntriesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remember, left := redis.NewDeniedCache()
		remember("a", time.Now().Add(time.Minute))
		time.Sleep(time.Minute - time.Nanosecond)
		require.Equal(t, time.Nanosecond, left("a"))
		require.Zero(t, left("b"))
		time.Sleep(time.Nanosecond)
		require.LessOrEqual(t, left("a"), time.Duration(0))
	})
}

func TestDeniedCacheIsBounded(t *testing.T) {
	remember, left := redis.NewDeniedCache()
	long, ends := strings.Repeat("x", 1000), time.Now().Add(time.Hour)
	key := func(n int) string { return long + strconv.Itoa(n) }
	before := heap()
	for n := range 50_000 {
		remember(key(n), ends)
	}
	for _, n := range []int{0, 32767, 32768, 49999} {
		require.Positive(t, left(key(n)), "none is forgotten before it must be")
	}
	for n := range 300_000 {
		remember(key(n), ends)
	}
	require.Positive(t, left(key(299_999)))
	require.Less(t, heap(), before+16<<20)
}

// heap is what is live, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
