package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// TestMetricSeriesAreBounded checks that requests for thousands of ids, users, paths and methods add
// no series to the metrics.
func TestMetricSeriesAreBounded(t *testing.T) {
	t.Parallel()
	s := newEnvironment(t, embedded(t))
	vars := s.openSettings()
	vars["API_GATEWAY_CMS_API_URL"] = startVaryingService(t)
	vars["API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS"] = "30" // long enough on a busy machine
	vars["API_GATEWAY_LOG_LEVEL"] = "critical"
	gateway := s.gateway(t, vars)
	c := &requestPool{t: t, base: gateway.http("")}
	c.pool.MaxIdleConnsPerHost = poolSize
	defer c.pool.CloseIdleConnections()
	c.sendMany(1) // each kind of request once
	for n := range statusCount {
		c.send("GET", fmt.Sprintf("/v1/classes/%d", n), "user", "")
	}
	seriesOf(t, gateway) // reading the metrics is a request too
	before := seriesOf(t, gateway)
	ids := harness.Count(10_000, 500)
	c.sendMany(ids)
	after := seriesOf(t, gateway)
	t.Logf("%d series after 1 id of each kind, %d after %d", len(before), len(after), ids)
	require.Equal(t, before, after)
}

// statusCount is the number of status codes of the service, of which HTTP knows fewer.
const statusCount = 500

// startVaryingService starts a service whose status code depends on the number in the path.
func startVaryingService(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(path.Base(r.URL.Path))
		w.WriteHeader(200 + n%statusCount)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// seriesOf returns the names and labels of all metrics. Buckets exist from the start.
func seriesOf(t *testing.T, gateway service) []string {
	t.Helper()
	a := call(t, "GET", gateway.http("/metrics"), "", nil)
	require.Equal(t, 200, a.status)
	var out []string
	for line := range strings.Lines(string(a.body)) {
		if name, _, found := strings.Cut(line, " "); found && name != "#" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// poolSize is the number of concurrent requests.
const poolSize = 8

// requestPool sends requests with new ids.
type requestPool struct {
	t    *testing.T
	base string
	pool http.Transport
}

// sendMany sends requests for this number of ids.
func (c *requestPool) sendMany(times int) {
	numbers := make(chan int)
	var group sync.WaitGroup
	for range poolSize {
		group.Go(func() {
			for n := range numbers {
				c.sendKinds(n)
			}
		})
	}
	for n := range times {
		numbers <- n
	}
	close(numbers)
	group.Wait()
}

// sendKinds requests a batch that was not requested before, and one more thing of many kinds.
func (c *requestPool) sendKinds(n int) {
	user, id := fmt.Sprintf("user-%d", n), fmt.Sprintf("batch-%d", n)
	c.send("GET", statusPath(id), user, "")
	kinds := []func(){
		func() { c.send("GET", "/nowhere/"+id, user, "") },
		func() { c.send("ODD"+fmt.Sprint(n), statusPath(id), user, "") },
		func() { c.send("ODD"+fmt.Sprint(n), "/nowhere/"+id, user, "") },
		func() { c.send("GET", fmt.Sprintf("/v1/classes/%d?q=%s", n, id), user, "") },
		func() { c.send("DELETE", "/bff/v1/teacher/"+id, user, "") },
		func() { c.send("POST", pipelinesPath(id), user, pipelineBody("nlp")) },
		func() { c.send("PATCH", "/v1/batches/"+id+"/prompt", user, `{"student_prompt_ref":null}`) },
		func() { c.send("GET", statusPath(id), "", "") },
	}
	if n == 0 { // the first one sends all kinds
		for _, kind := range kinds {
			kind()
		}
		return
	}
	kinds[n%len(kinds)]()
}

func (c *requestPool) send(method, target, user, body string) {
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.base+target, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return
	}
	if user != "" {
		request.Header.Set("Authorization", "Bearer "+harness.Token(user))
	}
	answer, err := c.pool.RoundTrip(request)
	if err != nil {
		c.t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
}
