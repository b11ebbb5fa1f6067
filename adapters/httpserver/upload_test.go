package httpserver_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/requests"
)

func TestUploadReachesTheFileService(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, nil)
	large := strings.Repeat("0123456789abcdef", 10_000)
	odd := "content-disposition: form-data; name=\"files\"; filename=\"C:\\dir\\r\xc3\xa4tt \xe5.txt\"; filename*=utf-8''r%C3%A4tt.txt\r\n" +
		"X-Odd:  kept \r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41\r\n--b\r\n--Bx\n"
	body := "preamble\r\n" + requests.Form(requests.Field("other", "dropped"), requests.File("a.txt", large), requests.Field("assignment_id", "a1"), odd,
		requests.File("../b.txt", ""), requests.Field("files", "no file"), requests.Field("batch_id", "b1")) + "epilogue"
	r := upload(t, w, body, "X-User-ID: mallory", "X_User_Id: mallory", "Content_Type: multipart/form-data; boundary=evil",
		"Content-MD5: wrong", "X-Correlation-ID: 6f1c7a52-6a44-4b53-9a0c-6a3a3f6b9d10")
	require.Equal(t, 202, r.StatusCode)
	require.Equal(t, acceptance, r.body)
	requireCommonHeaders(t, r)
	require.Len(t, s.received(), 1)
	got := s.received()[0]
	require.Equal(t, []formPart{
		{map[string][]string{"Content-Disposition": {`form-data; name="files"; filename="a.txt"`}, "Content-Type": {"text/plain"}}, large},
		{map[string][]string{"Content-Disposition": {`form-data; name="assignment_id"`}}, "a1"},
		{map[string][]string{
			"Content-Disposition": {"form-data; name=\"files\"; filename=\"C:\\dir\\r\xc3\xa4tt \xe5.txt\"; filename*=utf-8''r%C3%A4tt.txt"},
			"X-Odd":               {"kept"}, "Content-Transfer-Encoding": {"quoted-printable"},
		}, "=41\r\n--b\r\n--Bx\n"},
		{map[string][]string{"Content-Disposition": {`form-data; name="files"; filename="../b.txt"`}, "Content-Type": {"text/plain"}}, ""},
		{map[string][]string{"Content-Disposition": {`form-data; name="batch_id"`}}, "b1"},
	}, got.parts)
	require.Equal(t, "u1", got.Header.Get("X-User-Id"))
	require.Equal(t, "6f1c7a52-6a44-4b53-9a0c-6a3a3f6b9d10", got.Header.Get("X-Correlation-Id"))
	require.NotEmpty(t, got.Header.Get("Traceparent"))
	for _, name := range []string{"X_user_id", "Content_type", "Content-Md5", "Authorization"} {
		require.NotContains(t, got.Header, name)
	}
	require.Contains(t, w.calls(), domain.ServiceCalled{Service: "file_service", Method: "POST", Endpoint: uploadPath, Status: 202})
}

// TestInvalidFormsAreRefused sends each form alone and after a file that has reached the
// service. The service never gets a complete request.
func TestInvalidFormsAreRefused(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, func(c *httpserver.GatewayConfig) { c.Uploads.MaxFiles = 3 })
	before := strings.TrimSuffix(requests.Form(requests.File("big.bin", strings.Repeat("x", 200_000))), "--B--\r\n")
	for _, b := range requests.BadForms() {
		for _, front := range []string{"", before} {
			if front != "" && (b.Name == "no file" || b.Name == "file without a name" || b.Name == "empty" || b.Name == "no form at all" || b.Name == "other boundary") {
				continue // these are other forms after a file
			}
			r := upload(t, w, front+b.Body)
			f := requireError(t, r, 400, "VALIDATION_ERROR")
			assert.Equal(t, b.Message, f.Message, b.Name)
			assert.Equal(t, b.Details, f.Details, b.Name)
			if front != "" {
				await(t, s.aborted)
			}
		}
	}
	assert.Empty(t, s.received())
	assert.Equal(t, 202, upload(t, w, requests.GoodForm()).StatusCode, "the circuit stays closed")
}

func TestOnlyFormsAreAccepted(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.environment(t, nil)
	for headers, status := range map[string]int{
		"":                               415,
		"Content-Type: application/json": 415,
		"Content-Type: multipart/mixed; boundary=B":                                                       415,
		"Content-Type: multipart/form-data; boundary=B|Content-Encoding: gzip":                            415,
		"Content-Type: multipart/form-data; boundary=B|Content-Type: text/plain":                          415,
		"Content-Type: multipart/form-data; boundary=B|Content-Encoding: identity|Content-Encoding: gzip": 415,
		"Content-Type: multipart/form-data":                                                               400,
		"Content-Type: multipart/form-data; boundary=":                                                    400,
		"Content-Type: multipart/form-data; boundary=\"\"":                                                400,
		"Content-Type: multipart/form-data; boundary":                                                     400,
		"Content-Type: multipart/form-data; boundary=B; boundary=C":                                       400,
		"Content-Type: multipart/form-data; boundary=\"a{b\"":                                             400,
		"Content-Type: multipart/form-data; boundary=" + strings.Repeat("x", 71):                          400,
		"Content-Type: Multipart/Form-Data; BOUNDARY=\"B\"|Content-Encoding: identity":                    202,
	} {
		given := []string{bearer}
		if headers != "" {
			given = append(given, strings.Split(headers, "|")...)
		}
		r := call(t, http.MethodPost, w.base+uploadPath, requests.GoodForm(), given...)
		if status == 202 {
			assert.Equal(t, 202, r.StatusCode, headers+r.body)
			continue
		}
		requireError(t, r, status, map[int]domain.Code{400: domain.ValidationError, 415: domain.InvalidRequest}[status])
	}
	require.Len(t, s.received(), 1)
}

func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	const limit = 300_000
	w := s.environment(t, func(c *httpserver.GatewayConfig) { c.Uploads.MaxBytes = limit })
	frame := len(requests.Form(requests.File("a", ""), requests.Field("batch_id", "b1")))
	exact := requests.Form(requests.File("a", strings.Repeat("x", limit-frame)), requests.Field("batch_id", "b1"))
	require.Len(t, exact, limit)
	for _, chunked := range []bool{false, true} {
		send := func(body string) reply {
			if !chunked {
				return upload(t, w, body)
			}
			up := startUpload(t, w, "")
			go func() { _, _ = io.Copy(up, strings.NewReader(body)); _ = up.Close() }()
			return up.wait(t)
		}
		require.Equal(t, 202, send(exact).StatusCode)
		for _, large := range []string{exact + "x", requests.Form(requests.File("a", strings.Repeat("x", limit)), requests.Field("batch_id", "b1"))} {
			r := send(large)
			f := requireError(t, r, 413, domain.ValidationError)
			require.Equal(t, map[string]any{"limit_bytes": float64(limit)}, f.Details)
		}
	}
	require.Len(t, s.received(), 2)
	// A chunked body that is too large may be aborted before the service sees it.
	require.LessOrEqual(t, len(s.begun), 4, "requests with a length over the limit do not reach the service")
	r := upload(t, w, exact+"x", "Content-Type: text/plain")
	require.Equal(t, 413, r.StatusCode, "the length is checked first")
}

func TestAnswersOfTheFileServiceAreTranslated(t *testing.T) {
	t.Parallel()
	const refused = "The file service refused the form"
	reservedVariables := `{"error":{"error_code":"AUTHORIZATION_ERROR","message":"secret"}}`
	for i, c := range []struct {
		status  int
		body    string
		want    int
		code    domain.Code
		message string
	}{
		{400, `{"error":"Batch is full"}`, 400, domain.ValidationError, "Batch is full"},
		{400, `{"detail":" Bad name \u00e5 "}`, 400, domain.ValidationError, "Bad name å"},
		{400, `{"error":{"a":1},"detail":"Second"}`, 400, domain.ValidationError, "Second"},
		{400, `{"error":"` + strings.Repeat("å", 300) + `"}`, 400, domain.ValidationError, strings.Repeat("å", 200)},
		{400, `{"error":"<b>no</b>"}`, 400, domain.ValidationError, refused},
		{400, `{"error":"line\nTraceback"}`, 400, domain.ValidationError, refused},
		{400, `{"error":""}`, 400, domain.ValidationError, refused},
		{400, `Traceback`, 400, domain.ValidationError, refused},
		{400, ``, 400, domain.ValidationError, refused},
		{403, `{"error":"secret"}`, 403, domain.AuthorizationError, "Not allowed to add files to this batch"},
		{409, reservedVariables, 403, domain.AuthorizationError, "Not allowed to add files to this batch"},
		{404, `{"error":"secret"}`, 404, domain.ResourceNotFound, "batch with ID 'b1' not found"},
		{409, `{"error":{"error_code":"RESOURCE_NOT_FOUND"}}`, 404, domain.ResourceNotFound, "batch with ID 'b1' not found"},
		{409, `{"error":{"error_code":"OTHER"}}`, 409, domain.InvalidRequest, "The batch cannot take files now"},
		{409, `{"error":"AUTHORIZATION_ERROR"}`, 409, domain.InvalidRequest, "The batch cannot take files now"},
		{409, `secret`, 409, domain.InvalidRequest, "The batch cannot take files now"},
		{200, `{}`, 502, domain.ExternalServiceError, "An external service failed to answer the request"},
		{204, ``, 502, domain.ExternalServiceError, "An external service failed to answer the request"},
		{302, ``, 502, domain.ExternalServiceError, "An external service failed to answer the request"},
		{401, `secret`, 502, domain.ExternalServiceError, "An external service failed to answer the request"},
		{413, `secret`, 502, domain.ExternalServiceError, "An external service failed to answer the request"},
		{429, `secret`, 502, domain.ExternalServiceError, "An external service failed to answer the request"},
		{500, `secret`, 502, domain.ExternalServiceError, "An external service failed to answer the request"},
		{503, `secret`, 502, domain.ExternalServiceError, "An external service failed to answer the request"},
	} {
		w := newAnsweringFileService(t, c.status, c.body).environment(t, nil)
		r := upload(t, w, requests.GoodForm())
		f := requireError(t, r, c.want, c.code)
		assert.Equal(t, c.message, f.Message, i)
		assert.NotContains(t, r.body, "secret")
		if c.want == 502 {
			assert.Equal(t, map[string]any{"external_service": "file_service", "status_code": float64(c.status)}, f.Details)
		}
	}
	for _, status := range []int{201, 202} {
		w := newAnsweringFileService(t, status, `{"any": "body"}`).environment(t, nil)
		r := upload(t, w, requests.GoodForm())
		require.Equal(t, status, r.StatusCode)
		require.Equal(t, `{"any": "body"}`, r.body)
	}
	w := newAnsweringFileService(t, 202, strings.Repeat("x", 2<<20)).environment(t, nil)
	require.Equal(t, 502, upload(t, w, requests.GoodForm()).StatusCode, "the answer is too large")
}

func TestUploadsWithoutAFileService(t *testing.T) {
	t.Parallel()
	f := requireError(t, upload(t, newEnvironment(t), requests.GoodForm()), 503, domain.ServiceUnavailable)
	require.Equal(t, "file_service", f.Details["external_service"])
}

func TestUploadSettings(t *testing.T) {
	t.Parallel()
	var names []any
	for _, problem := range (httpserver.UploadsConfig{}).Problems(domain.Testing) {
		names = append(names, domain.As(problem).Setting)
	}
	require.Equal(t, []any{
		"API_GATEWAY_MAX_UPLOAD_SIZE", "API_GATEWAY_MAX_UPLOAD_FILES", "API_GATEWAY_UPLOAD_TIMEOUT", "API_GATEWAY_UPLOAD_STALL_TIMEOUT",
	}, names)
	p := unserved().parts(nil)
	p.Config.Uploads.MaxFiles = 0
	_, err := httpserver.NewGateway(p)
	require.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
}
