package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/world"
)

// formHead and formTail return a form around the content of its only file.
func formHead() string {
	return "--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"big.bin\"\r\n\r\n"
}

func formTail(batch domain.BatchID) string {
	return "\r\n--B\r\nContent-Disposition: form-data; name=\"batch_id\"\r\n\r\n" + string(batch) + "\r\n--B--\r\n"
}

// zeros is endless content.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// sendFile uploads a file of the size, followed by its batch.
func sendFile(t *testing.T, base, user string, batch domain.BatchID, size int64) response {
	t.Helper()
	body := io.MultiReader(strings.NewReader(formHead()), io.LimitReader(zeros{}, size), strings.NewReader(formTail(batch)))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/files/batch", body)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+harness.Token(user))
	request.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	request.Close = true
	res, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return response{status: res.StatusCode, header: res.Header, body: text}
}

// uploadsReachTheirBatch checks that files reach the owner's batch and no other one.
func uploadsReachTheirBatch(t *testing.T, s *running) {
	teacher, batch := s.batch(2)
	base := s.gateways[0].http("")
	require.Equal(t, 202, sendFile(t, base, teacher, batch, 1<<20).status)
	require.Equal(t, []world.Upload{{
		User: domain.UserID(teacher), Batch: batch, Files: []world.File{{Name: "big.bin", Bytes: 1 << 20}},
	}}, s.platform.Uploads())
	sendFile(t, base, "mallory", batch, 10).failure(t, 403, "AUTHORIZATION_ERROR")
	sendFile(t, base, teacher, domain.BatchID(uuid.NewString()), 10).failure(t, 404, "RESOURCE_NOT_FOUND")
	sendFile(t, base, teacher, "", 1<<20).failure(t, 400, "VALIDATION_ERROR")
	sendFile(t, base, teacher, batch, 100<<20).failure(t, 413, "VALIDATION_ERROR")
	require.Len(t, s.platform.Uploads(), 1)
}
