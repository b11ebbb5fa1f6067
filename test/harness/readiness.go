package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// readinessTimeout limits one request of /readyz.
const readinessTimeout = 2 * time.Second

// Readiness returns the status of /readyz at host:port: "ready", "degraded", the HTTP status, or
// "no response".
func Readiness(ctx context.Context, addr string) string {
	ctx, cancel := context.WithTimeout(ctx, readinessTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", http.NoBody)
	if err != nil {
		return err.Error()
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return "no response"
	}
	defer func() { _ = res.Body.Close() }()
	var in struct{ Status string }
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&in) != nil {
		return fmt.Sprint(res.StatusCode)
	}
	return in.Status
}

// AwaitReady waits until the readiness of the service at host:port is one of the statuses. Without
// any it waits for "ready".
func AwaitReady(t testing.TB, addr string, statuses ...string) {
	t.Helper()
	if len(statuses) == 0 {
		statuses = []string{"ready"}
	}
	var last string
	require.Eventually(t, func() bool {
		last = Readiness(context.Background(), addr)
		return slices.Contains(statuses, last)
	}, WaitLimit, 20*time.Millisecond, "%s is not %q but %q", addr, statuses, &last)
}
