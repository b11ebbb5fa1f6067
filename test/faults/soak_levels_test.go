package faults_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/metrics"
)

// level is what the services hold at a moment.
type level struct {
	goroutines, descriptors int
	heap                    int // bytes
	// leases, channels and otherKeys are what the services hold in Redis, without what expires
	// by itself: the logs of users, the marks of events, the answers of commands and rate limits.
	leases, channels, otherKeys int
}

func (l level) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, heap %d MiB, %d leases, %d channels, %d other keys",
		l.goroutines, l.descriptors, l.heap>>20, l.leases, l.channels, l.otherKeys)
}

// checkBackAt requires that the level is that of before, with a margin for connections between the
// services and for garbage. Half of the heap is garbage of the race detector's slower collector.
func (l level) checkBackAt(t *testing.T, before level) {
	t.Helper()
	require.LessOrEqual(t, l.goroutines, before.goroutines+before.goroutines/10+150, "goroutines")
	require.LessOrEqual(t, l.descriptors, before.descriptors+before.descriptors/10+100, "descriptors")
	require.LessOrEqual(t, l.heap, before.heap+before.heap/2+64<<20, "heap")
	require.LessOrEqual(t, l.leases, before.leases, "leases in Redis")
	require.LessOrEqual(t, l.channels, before.channels+2, "subscribed channels")
	require.LessOrEqual(t, l.otherKeys, before.otherKeys+20, "keys in Redis")
}

// level reads the metrics of all programs and the keys of Redis.
func (s *soak) level() level {
	s.t.Helper()
	var out level
	for _, p := range append(s.nodes.nodes[:], s.gateways.nodes[:]...) {
		page, err := metrics.Fetch(s.t.Context(), "http://"+p.Address(s.t)+"/metrics")
		require.NoError(s.t, err)
		out.goroutines += int(page.Sum("go_goroutines")[""])
		out.descriptors += int(page.Sum("process_open_fds")[""])
		out.heap += int(page.Sum("go_memstats_heap_alloc_bytes")[""])
	}
	client := openRedis(s.t, s.redis.URL())
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	channels, err := client.PubSubChannels(ctx, "ws:*").Result()
	require.NoError(s.t, err)
	out.channels = len(channels)
	keys := client.Scan(ctx, 0, "*", 10_000).Iterator()
	for keys.Next(ctx) {
		switch kind, _, _ := strings.Cut(keys.Val(), ":"); kind {
		case "wsquota":
			out.leases++
		case "wslog", "wsseen", "gwonce", "gwlimit":
		default:
			out.otherKeys++
		}
	}
	require.NoError(s.t, keys.Err())
	return out
}

// levelWithoutClients waits until the services have released what the clients held.
func (s *soak) levelWithoutClients(empty level) level {
	s.t.Helper()
	out := s.level()
	for end := time.Now().Add(waitLimit); time.Now().Before(end); out = s.level() {
		if out.leases <= empty.leases && out.channels <= empty.channels && out.goroutines <= empty.goroutines+100 {
			break
		}
		sleep(s.t.Context(), time.Second)
	}
	return out
}
