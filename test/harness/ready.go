package harness

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Readiness returns the status in the answer of /readyz, "ready" or "degraded". It returns another
// HTTP status in digits, and "no response" if there is none within two seconds.
func Readiness(ctx context.Context, base string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", http.NoBody)
	if err != nil {
		return err.Error()
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return "no response"
	}
	defer func() { _ = response.Body.Close() }()
	var in struct{ Status string }
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&in) != nil {
		return strconv.Itoa(response.StatusCode)
	}
	return in.Status
}

// AwaitReady waits until the readiness of the service at a base URL is one of the statuses.
func AwaitReady(t testing.TB, base string, statuses ...string) {
	t.Helper()
	var last string
	require.Eventually(t, func() bool {
		last = Readiness(t.Context(), base)
		return slices.Contains(statuses, last)
	}, WaitLimit, 20*time.Millisecond, "%s is not %q but %q", base, statuses, &last)
}
