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
		add, remaining := redis.NewDeniedCache()
		add("a", time.Now().Add(time.Minute))
		time.Sleep(time.Minute - time.Nanosecond)
		require.Equal(t, time.Nanosecond, remaining("a"))
		require.Zero(t, remaining("b"))
		time.Sleep(time.Nanosecond)
		require.LessOrEqual(t, remaining("a"), time.Duration(0))
	})
}

func TestDeniedCacheIsBounded(t *testing.T) {
	add, remaining := redis.NewDeniedCache()
	long, ends := strings.Repeat("x", 1000), time.Now().Add(time.Hour)
	key := func(n int) string { return long + strconv.Itoa(n) }
	before := heap()
	for n := range 50_000 {
		add(key(n), ends)
	}
	for _, n := range []int{0, 32767, 32768, 49999} {
		require.Positive(t, remaining(key(n)), "no entry may be evicted below the limit")
	}
	for n := range 300_000 {
		add(key(n), ends)
	}
	require.Positive(t, remaining(key(299_999)))
	require.Less(t, heap(), before+16<<20)
}

// heap returns the live heap in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
