//go:build !race

package e2e_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestUploadsTakeNoMemory looks at the gateway as a process of its own: 100 MiB
// pass through it, and its resident memory grows by less than 4 MB.
func TestUploadsTakeNoMemory(t *testing.T) {
	t.Parallel()
	s := newStage(t, embedded(t))
	teacher, batch := s.batch(2)
	p := run(t, "gateway", s.vars)
	base := "http://" + p.bound(t)
	for range 8 { // what grows once: pools, stacks, the heap to its least size
		require.Equal(t, 202, sendFile(t, base, teacher, batch, 1<<20).status)
	}
	before := resident(t, p)
	sent := make(chan answer, 1)
	go func() { sent <- sendFile(t, base, teacher, batch, 100<<20-1024) }()
	most := before
	for look := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case <-look.C:
			most = max(most, resident(t, p))
			continue
		case a := <-sent:
			look.Stop()
			require.Equal(t, 202, a.status, a)
		}
		break
	}
	t.Logf("resident memory: %d KiB before, %d KiB at most during 100 MiB", before, most)
	require.Less(t, most-before, 4<<10)
}

// resident is a program's resident memory in KiB.
func resident(t *testing.T, p *program) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "VmRSS:")
	require.True(t, found)
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kib
}
