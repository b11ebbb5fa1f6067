package harness

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Soak are the options of a soak.
type Soak struct {
	// Duration is how long faults are injected; zero is not a soak.
	Duration time.Duration
	// Seed selects the order of the faults and the nodes that are killed.
	Seed uint64
	// Connections is the number of sockets and event streams.
	Connections int
}

// SoakOptions reads the variables that "make soak" sets: EDGE_SOAK_DURATION, EDGE_SOAK_SEED and
// EDGE_SOAK_CONNECTIONS. Without a seed it draws one.
func SoakOptions(t *testing.T) Soak {
	t.Helper()
	o := Soak{Seed: rand.Uint64N(1_000_000), Connections: 2000}
	var err error
	if text := os.Getenv("EDGE_SOAK_DURATION"); text != "" {
		o.Duration, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	if text := os.Getenv("EDGE_SOAK_SEED"); text != "" {
		o.Seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	if text := os.Getenv("EDGE_SOAK_CONNECTIONS"); text != "" {
		o.Connections, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	return o
}
