package httpserver

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReachable(t *testing.T) {
	for host, want := range map[string]string{
		"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "::1": "::1", "10.0.0.7": "10.0.0.7", "localhost": "localhost",
	} {
		require.Equal(t, want, probeHost(host), host)
	}
}
