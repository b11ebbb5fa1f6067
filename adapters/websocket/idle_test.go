//go:build unix && !race

package websocket_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// resident returns the resident memory of the process in bytes.
func resident(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc on this system")
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// TestIdleMemory bounds what a quiet connection costs. 10,000 of them need
// -count 1 and a descriptor limit over 10,000. Under the race detector, whose own
// memory grows, the test does not exist.
func TestIdleMemory(t *testing.T) {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur < 11_000 {
		t.Skip("needs 11,000 descriptors and an undisturbed allocator")
	}
	const connections, most = 10_000, 20 << 10
	n := newNode(t, settings())
	debug.FreeOSMemory()
	before := resident(t)
	startClients(t, n.server.Listener.Addr().String(), connections)
	require.Equal(t, connections, n.manager.Total())
	fresh := (resident(t) - before) / connections
	runtime.GC()
	runtime.GC()
	collected := (resident(t) - before) / connections
	debug.FreeOSMemory()
	returned := (resident(t) - before) / connections
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("bytes per idle connection at %d: %d at once, %d after GC, %d after memory was returned; stacks %d, heap %d",
		connections, fresh, collected, returned, m.StackInuse/connections, m.HeapAlloc/connections)
	require.Less(t, returned, most)
}
