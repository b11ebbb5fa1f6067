package e2e_test

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// formHead and formTail stand around the content of a form's only file.
func formHead() string {
	return "--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"big.bin\"\r\n\r\n"
}

func formTail(batch domain.BatchID) string {
	return "\r\n--B\r\nContent-Disposition: form-data; name=\"batch_id\"\r\n\r\n" + string(batch) + "\r\n--B--\r\n"
}

// zeros is content without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// sendFile uploads a file of that many bytes, its batch named behind it.
func sendFile(t *testing.T, base, user string, batch domain.BatchID, size int64) answer {
	t.Helper()
	body := io.MultiReader(strings.NewReader(formHead()), io.LimitReader(zeros{}, size), strings.NewReader(formTail(batch)))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/files/batch", body)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+tokenOf(user))
	request.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{status: response.StatusCode, header: response.Header, body: text}
}

// TestUploadJourney: files go to the owner's batch, and to nobody else's.
func TestUploadJourney(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := newStage(t, b)
		teacher, batch := s.batch(2)
		base := s.gateway(t, s.vars).http("")
		require.Equal(t, 202, sendFile(t, base, teacher, batch, 1<<20).status)
		require.Equal(t, []world.Upload{{
			User: domain.UserID(teacher), Batch: batch, Files: []world.File{{Name: "big.bin", Bytes: 1 << 20}},
		}}, s.platform.Uploads())
		sendFile(t, base, "mallory", batch, 10).failure(t, 403, "AUTHORIZATION_ERROR")
		sendFile(t, base, teacher, domain.BatchID(uuid.NewString()), 10).failure(t, 404, "RESOURCE_NOT_FOUND")
		sendFile(t, base, teacher, "", 1<<20).failure(t, 400, "VALIDATION_ERROR")
		sendFile(t, base, teacher, batch, 100<<20).failure(t, 413, "VALIDATION_ERROR")
		require.Len(t, s.platform.Uploads(), 1)
	})
}

// TestUploadsTakeNoMemory looks at the gateway as a process of its own: 100 MiB
// pass through it, and its resident memory grows by less than 4 MB.
func TestUploadsTakeNoMemory(t *testing.T) {
	t.Parallel()
	if raced {
		t.Skip("the race detector's own memory grows: run without -race")
	}
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
