//go:build !race

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// TestUploadsAreStreamed sends 100 MiB through the gateway as a program, whose resident memory grows by less
// than 4 MB.
func TestUploadsAreStreamed(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	teacher, batch := s.batch(2)
	p := harness.Start(t, "gateway", s.vars)
	base := "http://" + p.Address(t)
	for range 8 { // what grows once: pools, stacks, the heap to its least size
		require.Equal(t, 202, sendFile(t, base, teacher, batch, 1<<20).status)
	}
	before := resident(t, p)
	most := watchMemory(t.Context(), p)
	a := sendFile(t, base, teacher, batch, 100<<20-1024)
	require.Equal(t, 202, a.status, &a)
	grown := most() - before
	t.Logf("resident memory: %d KiB before, %d KiB more at most during 100 MiB", before, grown)
	require.Less(t, grown, 4<<10)
}

// watchMemory observes a program's resident memory until most is called, which returns the maximum in KiB.
func watchMemory(ctx context.Context, p *harness.Program) (most func() int) {
	ctx, cancel := context.WithCancel(ctx)
	highest := make(chan int, 1)
	go func() {
		seen := 0
		look := time.NewTicker(10 * time.Millisecond)
		defer look.Stop()
		for ctx.Err() == nil {
			select {
			case <-look.C:
			case <-ctx.Done():
			}
			if kib, err := residentOf(p); err == nil {
				seen = max(seen, kib)
			}
		}
		highest <- seen
	}()
	return func() int {
		cancel()
		return <-highest
	}
}

// resident returns a program's resident memory in KiB.
func resident(t *testing.T, p *harness.Program) int {
	t.Helper()
	kib, err := residentOf(p)
	require.NoError(t, err)
	return kib
}

func residentOf(p *harness.Program) (kib int, err error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	_, err = fmt.Sscan(rest, &kib)
	return kib, err
}
