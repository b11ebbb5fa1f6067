package faults_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// requestKind is one kind of request to the gateway.
type requestKind struct {
	name, method, path string
	body, kind         string
	// keyed requests carry an Idempotency-Key and are safe to retry.
	keyed bool
	key   string // empty: a new key for each request
	want  int
}

// requestKinds returns all kinds of requests, in the order in which a busy client sends
// them.
func requestKinds(batch string) []requestKind {
	form, kind := uploadOf(batch)
	pipelines := "/v1/batches/" + batch + "/pipelines"
	const command, plain = `{"requested_pipeline":"spellcheck"}`, "application/json"
	return []requestKind{
		{name: "status", method: "GET", path: "/v1/batches/" + batch + "/status", want: 200},
		{name: "command", method: "POST", path: pipelines, body: command, kind: plain, want: 202},
		{name: "command with a key", method: "POST", path: pipelines, body: command, kind: plain, keyed: true, want: 202},
		{name: "slow answer", method: "GET", path: "/v1/classes/slow", want: 200},
		{name: "upload", method: "POST", path: "/v1/files/batch", body: form, kind: kind, want: 202},
	}
}

// uploadOf returns a form with one file of 64 KiB.
func uploadOf(batch string) (form, kind string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	_ = w.WriteField("batch_id", batch) // writes to a buffer never fail
	if file, err := w.CreateFormFile("files", "essay.docx"); err == nil {
		_, _ = file.Write(bytes.Repeat([]byte("x"), 64<<10))
	}
	_ = w.Close()
	return out.String(), w.FormDataContentType()
}

// gatewayClient is one client of the gateway. Its http.Transport keeps one idle connection
// and retries safe requests.
type gatewayClient struct {
	transport *http.Transport
	base      string
	user      string
	// token returns the token of the user.
	token func(user string) string
}

func newGatewayClient(base, user string) *gatewayClient {
	return &gatewayClient{&http.Transport{MaxIdleConnsPerHost: 1}, base, user, harness.Token}
}

// run sends one request. tries is the number of connections that it used.
func (c *gatewayClient) run(ctx context.Context, e requestKind) (tries int, err error) {
	res, tries, err := c.exchange(ctx, e)
	if err == nil && res.status != e.want {
		err = fmt.Errorf("%d: %s", res.status, res.body)
	}
	return tries, err
}

// gatewayResponse is a response of the gateway.
type gatewayResponse struct {
	status int
	header http.Header
	body   []byte
}

// exchange sends one request and reads the response to its end. A response that is cut has a
// status and an error.
func (c *gatewayClient) exchange(ctx context.Context, e requestKind) (out gatewayResponse, tries int, err error) {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { tries++ }})
	req, err := http.NewRequestWithContext(ctx, e.method, c.base+e.path, strings.NewReader(e.body))
	if err != nil {
		return out, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token(c.user))
	if e.body == "" {
		req.Body = http.NoBody
	} else {
		req.Header.Set("Content-Type", e.kind)
	}
	if e.keyed {
		req.Header.Set("Idempotency-Key", cmp.Or(e.key, uuid.NewString()))
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return out, tries, err
	}
	out.status, out.header = res.StatusCode, res.Header
	out.body, err = io.ReadAll(res.Body)
	return out, tries, errors.Join(err, res.Body.Close())
}

// loadResult collects the results of all callers.
type loadResult struct {
	// uploads limits concurrent uploads to the limit per user.
	uploads chan struct{}

	mu      sync.Mutex
	done    map[string]int
	retried map[string]int // requests that were retried on another connection
	failed  []string
	longest time.Duration // the longest
}

func newLoadResult() *loadResult {
	return &loadResult{uploads: make(chan struct{}, 4), done: map[string]int{}, retried: map[string]int{}}
}

// send sends the request and counts the result.
func (l *loadResult) send(ctx context.Context, c *gatewayClient, e requestKind) {
	if e.name == "upload" {
		l.uploads <- struct{}{}
		defer func() { <-l.uploads }()
	}
	startedAt := time.Now()
	tries, err := c.run(ctx, e)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[e.name]++
	if tries > 1 {
		l.retried[e.name]++
	}
	if err != nil {
		l.failed = append(l.failed, e.name+": "+err.Error())
	}
	l.longest = max(l.longest, time.Since(startedAt))
}

// total returns the number of requests.
func (l *loadResult) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, count := range l.done {
		n += count
	}
	return n
}

// row prints the result. All callers must have stopped.
func (l *loadResult) row(t *testing.T, what, nodes string) {
	t.Helper()
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(l.done)) {
		kinds = append(kinds, fmt.Sprintf("%d %s (%d were retried)", l.done[name], name, l.retried[name]))
	}
	t.Logf("\n| %s | %d requests: %s | failed %d | longest %s | %s |",
		what, l.total(), strings.Join(kinds, ", "), len(l.failed), seconds(l.longest), nodes)
	for _, why := range l.failed[:min(20, len(l.failed))] {
		t.Log("failed: " + why)
	}
}

// check requires that no request failed.
func (l *loadResult) check(t *testing.T) {
	t.Helper()
	require.Positive(t, l.total())
	require.Empty(t, l.failed)
}
