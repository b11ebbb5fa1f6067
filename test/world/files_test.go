package world_test

import (
	"bytes"
	"mime/multipart"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

// formFor returns a form with one file and, unless batch is empty, the batch fields.
func formFor(t *testing.T, batch string) (body string, headers map[string]string) {
	t.Helper()
	var text bytes.Buffer
	form := multipart.NewWriter(&text)
	part, err := form.CreateFormFile("files", "essay.txt")
	require.NoError(t, err)
	_, err = part.Write([]byte("An essay."))
	require.NoError(t, err)
	if batch != "" {
		require.NoError(t, form.WriteField("assignment_id", "a1"))
		require.NoError(t, form.WriteField("batch_id", batch))
	}
	require.NoError(t, form.Close())
	headers = userHeader("teacher-anna")
	headers["Content-Type"] = form.FormDataContentType()
	return text.String(), headers
}

func TestCompleteUploadsAreAccepted(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	p.AddBatch(world.Batch{ID: "b-new", Owner: "teacher-anna", Overall: "awaiting_content_validation", Essays: 1})
	url := p.FilesURL() + "/v1/files/batch"
	body, headers := formFor(t, "b-new")
	m := call(t, "POST", url, body, headers).members(t)
	require.Equal(t, "Received 1 files for processing", m["message"])
	require.Equal(t, "b-new", m["batch_id"])
	require.Equal(t, []world.Upload{{
		User: "teacher-anna", Batch: "b-new", Assignment: "a1", Files: []world.File{{Name: "essay.txt", Bytes: 9}},
	}}, p.Uploads())
	status := call(t, "GET", p.AggregatorURL()+"/internal/v1/batches/b-new/status", "", internalHeaders())
	require.Contains(t, status.body, `"overall_status":"ready_for_pipeline_execution"`)
	require.Contains(t, status.body, `"filename":"essay.txt"`)

	require.Equal(t, 400, call(t, "POST", url, body[:len(body)-10], headers).status, "a truncated form")
	require.Len(t, p.Uploads(), 1)
}

func TestInvalidUploadsAreRejected(t *testing.T) {
	p := startPlatform(t, world.PlatformConfig{})
	url := p.FilesURL() + "/v1/files/batch"
	for batch, status := range map[string]int{"": 400, "nowhere": 409, "batch-bo-1": 409} {
		body, headers := formFor(t, batch)
		require.Equal(t, status, call(t, "POST", url, body, headers).status, batch)
	}
	body, headers := formFor(t, "batch-bo-1")
	code, _ := call(t, "POST", url, body, headers).members(t)["error"].(map[string]any)
	require.Equal(t, string(domain.AuthorizationError), code["error_code"])
	delete(headers, "X-User-Id")
	require.Equal(t, 401, call(t, "POST", url, body, headers).status)
	headers = userHeader("teacher-anna")
	headers["Content-Type"] = "application/json"
	require.Equal(t, 400, call(t, "POST", url, "{}", headers).status)
	require.Empty(t, p.Uploads())

	body, headers = formFor(t, "batch-anna-1")
	p.SetUploadResponse(world.FixedResponse{Status: 418, ContentType: "text/plain", Body: []byte("tea")})
	require.Equal(t, response{418, "tea"}, call(t, "POST", url, body, headers))
	p.FailFiles(world.ServerError)
	require.Equal(t, 500, call(t, "POST", url, body, headers).status)
}
