package faults_test

import (
	"bytes"
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
)

// errand is one kind of request.
type errand struct {
	name, method, path string
	body, kind         string
	// keyed requests may be repeated safely, and say so.
	keyed bool
	want  int
}

// errands are what people do at the gateway, in the order in which every busy
// client does them.
func errands(batch string) []errand {
	form, kind := uploadOf(batch)
	pipelines := "/v1/batches/" + batch + "/pipelines"
	const command, plain = `{"requested_pipeline":"spellcheck"}`, "application/json"
	return []errand{
		{name: "status", method: "GET", path: "/v1/batches/" + batch + "/status", want: 200},
		{name: "command", method: "POST", path: pipelines, body: command, kind: plain, want: 202},
		{name: "command with a key", method: "POST", path: pipelines, body: command, kind: plain, keyed: true, want: 202},
		{name: "slow answer", method: "GET", path: "/v1/classes/slow", want: 200},
		{name: "upload", method: "POST", path: "/v1/files/batch", body: form, kind: kind, want: 202},
	}
}

// uploadOf is a form with one file of 64 KiB.
func uploadOf(batch string) (form, kind string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	_ = w.WriteField("batch_id", batch) // a buffer takes everything
	if file, err := w.CreateFormFile("files", "essay.docx"); err == nil {
		_, _ = file.Write(bytes.Repeat([]byte("x"), 64<<10))
	}
	_ = w.Close()
	return out.String(), w.FormDataContentType()
}

// caller is one client of the gateway: it keeps its connections, closes those
// that it is told to, and repeats what net/http repeats by itself.
type caller struct {
	transport *http.Transport
	base      string
	user      string
}

func newCaller(base, user string) *caller {
	return &caller{&http.Transport{MaxIdleConnsPerHost: 1}, base, user}
}

// run does one errand. tries is how many connections it took.
func (c *caller) run(ctx context.Context, e errand) (tries int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { tries++ }})
	req, err := http.NewRequestWithContext(ctx, e.method, c.base+e.path, strings.NewReader(e.body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+tokenOf(c.user))
	if e.body == "" {
		req.Body = http.NoBody
	} else {
		req.Header.Set("Content-Type", e.kind)
	}
	if e.keyed {
		req.Header.Set("Idempotency-Key", uuid.NewString())
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return tries, err
	}
	content, err := io.ReadAll(res.Body)
	err = errors.Join(err, res.Body.Close())
	if err == nil && res.StatusCode != e.want {
		err = fmt.Errorf("%d: %s", res.StatusCode, content)
	}
	return tries, err
}

// load is what all callers did.
type load struct {
	// uploads are places: one user may have so many under way, and is refused beyond.
	uploads chan struct{}

	mu     sync.Mutex
	done   map[string]int
	again  map[string]int // of them, those that met a close and were repeated
	failed []string
	took   time.Duration // the longest
}

func newLoad() *load {
	return &load{uploads: make(chan struct{}, 4), done: map[string]int{}, again: map[string]int{}}
}

// do lets the caller run the errand and counts it.
func (l *load) do(ctx context.Context, c *caller, e errand) {
	if e.name == "upload" {
		l.uploads <- struct{}{}
		defer func() { <-l.uploads }()
	}
	began := time.Now()
	tries, err := c.run(ctx, e)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[e.name]++
	if tries > 1 {
		l.again[e.name]++
	}
	if err != nil {
		l.failed = append(l.failed, e.name+": "+err.Error())
	}
	l.took = max(l.took, time.Since(began))
}

// total is how many requests were made.
func (l *load) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, count := range l.done {
		n += count
	}
	return n
}

// row prints what was done; nothing runs any more.
func (l *load) row(t *testing.T, what, nodes string) {
	t.Helper()
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(l.done)) {
		kinds = append(kinds, fmt.Sprintf("%d %s (%d met a close and were repeated)", l.done[name], name, l.again[name]))
	}
	t.Logf("\n| %s | %d requests: %s | failed %d | longest %s | %s |",
		what, l.total(), strings.Join(kinds, ", "), len(l.failed), seconds(l.took), nodes)
	for _, why := range l.failed[:min(20, len(l.failed))] {
		t.Log("failed: " + why)
	}
}

// check holds what is promised.
func (l *load) check(t *testing.T) {
	t.Helper()
	require.Positive(t, l.total())
	require.Empty(t, l.failed)
}
