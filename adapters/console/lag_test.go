package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/console"
)

// TestLagIsReadFromTheMetrics checks the order, other metrics, and answers in another format.
func TestLagIsReadFromTheMetrics(t *testing.T) {
	const gauge = "# TYPE notification_partition_lag gauge\nnotification_partition_lag{partition=\"10\"} 4\nnotification_partition_lag{partition=\"2\"} 1e+06\n"
	answer, status, asked := gauge, http.StatusOK, ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.Close()
	})
	node := console.AdminClient{URL: s.URL}
	found, err := node.Lag(t.Context())
	require.NoError(t, err)
	require.Equal(t, []console.NodePartition{{Partition: 2, Records: 1_000_000}, {Partition: 10, Records: 4}}, found)
	require.Equal(t, "/metrics", asked)

	answer = "# TYPE gateway_events gauge\ngateway_events 1\n"
	found, err = node.Lag(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)

	answer = "<html>"
	_, err = node.Lag(t.Context())
	require.ErrorContains(t, err, "read the metrics of the node")
	status = http.StatusNotFound
	_, err = node.Lag(t.Context())
	require.ErrorContains(t, err, "404")
}
