package httpserver_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

func TestUploadReachesTheFileService(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.behind(t, nil)
	large := strings.Repeat("0123456789abcdef", 10_000)
	odd := "content-disposition: form-data; name=\"files\"; filename=\"C:\\dir\\r\xc3\xa4tt \xe5.txt\"; filename*=utf-8''r%C3%A4tt.txt\r\n" +
		"X-Odd:  kept \r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41\r\n--b\r\n--Bx\n"
	body := "preamble\r\n" + formOf(field("other", "dropped"), file("a.txt", large), field("assignment_id", "a1"), odd,
		file("../b.txt", ""), field("files", "no file"), field("batch_id", "b1")) + "epilogue"
	r := upload(t, w, body, "X-User-ID: mallory", "X_User_Id: mallory", "Content_Type: multipart/form-data; boundary=evil",
		"Content-MD5: wrong", "X-Correlation-ID: 6f1c7a52-6a44-4b53-9a0c-6a3a3f6b9d10")
	require.Equal(t, 202, r.StatusCode)
	require.Equal(t, thanks, r.body)
	everyAnswer(t, r)
	require.Len(t, s.taken(), 1)
	got := s.taken()[0]
	require.Equal(t, []piece{
		{map[string][]string{"Content-Disposition": {`form-data; name="files"; filename="a.txt"`}, "Content-Type": {"text/plain"}}, large},
		{map[string][]string{"Content-Disposition": {`form-data; name="assignment_id"`}}, "a1"},
		{map[string][]string{
			"Content-Disposition": {"form-data; name=\"files\"; filename=\"C:\\dir\\r\xc3\xa4tt \xe5.txt\"; filename*=utf-8''r%C3%A4tt.txt"},
			"X-Odd":               {"kept"}, "Content-Transfer-Encoding": {"quoted-printable"},
		}, "=41\r\n--b\r\n--Bx\n"},
		{map[string][]string{"Content-Disposition": {`form-data; name="files"; filename="../b.txt"`}, "Content-Type": {"text/plain"}}, ""},
		{map[string][]string{"Content-Disposition": {`form-data; name="batch_id"`}}, "b1"},
	}, got.pieces)
	require.Equal(t, "u1", got.Header.Get("X-User-Id"))
	require.Equal(t, "6f1c7a52-6a44-4b53-9a0c-6a3a3f6b9d10", got.Header.Get("X-Correlation-Id"))
	require.NotEmpty(t, got.Header.Get("Traceparent"))
	for _, name := range []string{"X_user_id", "Content_type", "Content-Md5", "Authorization"} {
		require.NotContains(t, got.Header, name)
	}
	require.Contains(t, w.facts.calls(), domain.ServiceCalled{Service: "file_service", Method: "POST", Endpoint: uploadPath, Status: 202})
}

// bad is a form that is refused.
type bad struct {
	name, body string
	code       domain.Code
	message    string
	details    map[string]any
}

func badForms() []bad {
	const malformed = "Failed to parse form data"
	parse := map[string]any{"field": "form", "expected": "multipart/form-data"}
	disposition := func(text string) string {
		return formOf("Content-Disposition: "+text+"\r\n\r\nx", field("batch_id", "b1"))
	}
	noBatch, noFile := "batch_id is required in form data", "At least one file is required"
	batch := map[string]any{"field": "batch_id"}
	return []bad{
		{"no batch", formOf(file("a", "x")), domain.ValidationError, noBatch, batch},
		{"blank batch", formOf(field("batch_id", " "), file("a", "x")), domain.ValidationError, noBatch, batch},
		{"nothing", formOf(), domain.ValidationError, noBatch, batch},
		{"no file", formOf(field("batch_id", "b1")), domain.ValidationError, noFile, map[string]any{"field": "files"}},
		{"file without a name", formOf(file("", ""), field("batch_id", "b1")), domain.ValidationError, noFile, map[string]any{"field": "files"}},
		{"two batches", formOf(field("batch_id", "b1"), file("a", "x"), field("batch_id", "b1")), domain.ValidationError, "batch_id must not stand twice in form data", map[string]any{"field": "batch_id", "expected": "once"}},
		{"two assignments", formOf(field("assignment_id", ""), file("a", "x"), field("assignment_id", "x"), field("batch_id", "b1")), domain.ValidationError, "assignment_id must not stand twice in form data", map[string]any{"field": "assignment_id", "expected": "once"}},
		{"long batch", formOf(file("a", "x"), field("batch_id", strings.Repeat("x", 256))), domain.ValidationError, "Invalid batch ID", map[string]any{"field": "batch_id", "expected": "1 to 255 characters"}},
		{"batch of two lines", formOf(file("a", "x"), field("batch_id", "a\nb")), domain.ValidationError, "Invalid batch ID", map[string]any{"field": "batch_id", "expected": "1 to 255 characters"}},
		{"batch of broken text", formOf(file("a", "x"), field("batch_id", "\xff")), domain.ValidationError, "Invalid batch ID", map[string]any{"field": "batch_id", "expected": "1 to 255 characters"}},
		{"huge assignment", formOf(field("assignment_id", strings.Repeat("x", 1<<20)), file("a", "x")), domain.ValidationError, "assignment_id is too long", map[string]any{"field": "assignment_id", "expected": "at most 2048 bytes"}},
		{"batch as a file", formOf(strings.Replace(file("a", "b1"), "files", "batch_id", 1)), domain.ValidationError, "batch_id must be text in form data", map[string]any{"field": "batch_id", "expected": "text"}},
		{"too many files", formOf(file("a", "1"), file("b", "2"), file("c", "3"), file("d", "4"), field("batch_id", "b1")), domain.ValidationError, "Too many files", map[string]any{"field": "files", "limit": 3.0}},
		{"too many fields", formOf(file("a", "1"), field("batch_id", "b1"), many(field("x", ""), 100)), domain.ValidationError, "Too many form fields", map[string]any{"field": "files", "limit": 100.0}},
		{"too many files without a name", formOf(many(file("", ""), 100), field("batch_id", "b1")), domain.ValidationError, "Too many form fields", map[string]any{"field": "files", "limit": 100.0}},
		{"no end", strings.TrimSuffix(goodForm(), "--\r\n"), domain.ValidationError, malformed, parse},
		{"no end of a part", strings.TrimSuffix(goodForm(), "\r\n--B--\r\n"), domain.ValidationError, malformed, parse},
		{"no part behind a boundary", strings.TrimSuffix(goodForm(), "--\r\n") + "\r\n", domain.ValidationError, malformed, parse},
		{"no form at all", "hello", domain.ValidationError, malformed, parse},
		{"empty", "", domain.ValidationError, malformed, parse},
		{"other boundary", strings.ReplaceAll(goodForm(), "--B", "--C"), domain.ValidationError, malformed, parse},
		{"no disposition", formOf("Content-Type: text/plain\r\n\r\nx", field("batch_id", "b1")), domain.ValidationError, malformed, parse},
		{"no name", disposition(`form-data; filename="a"`), domain.ValidationError, malformed, parse},
		{"no form data", disposition(`attachment; name="files"; filename="a"`), domain.ValidationError, malformed, parse},
		{"two names", disposition(`form-data; name="files"; name="batch_id"; filename="a"`), domain.ValidationError, malformed, parse},
		{"two notations", disposition(`form-data; filename="a;name*=b"; name="files"; Name *=utf-8''batch_id`), domain.ValidationError, malformed, parse},
		{"two dispositions", disposition("form-data; name=\"files\"; filename=\"a\"\r\nContent-Disposition: form-data; name=\"batch_id\""), domain.ValidationError, malformed, parse},
		{"open quote", disposition(`form-data; name="files"; filename="a`), domain.ValidationError, malformed, parse},
		{"line break in a header", disposition("form-data; name=\"files\"; filename=\"a\rX: y\""), domain.ValidationError, malformed, parse},
		{"header without a colon", formOf("nonsense\r\n\r\nx"), domain.ValidationError, malformed, parse},
		{"huge header", formOf("X: "+strings.Repeat("x", 100_000)+"\r\n"+file("a", "x"), field("batch_id", "b1")), domain.ValidationError, malformed, parse},
		{"many headers", formOf(strings.Repeat("X: y\r\n", 10_000)+file("a", "x"), field("batch_id", "b1")), domain.ValidationError, malformed, parse},
	}
}

// many is a part that stands n times in a form.
func many(part string, n int) string {
	return strings.TrimSuffix(strings.Repeat(part+"\r\n--B\r\n", n), "\r\n--B\r\n")
}

// TestBadForms: each is refused, alone and behind a file that has already
// reached the service, which never has a whole request.
func TestBadForms(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.behind(t, func(c *httpserver.GatewayConfig) { c.Uploads.MaxFiles = 3 })
	before := strings.TrimSuffix(formOf(file("big.bin", strings.Repeat("x", 200_000))), "--B--\r\n")
	for _, b := range badForms() {
		for _, front := range []string{"", before} {
			if front != "" && (b.name == "no file" || b.name == "file without a name" || b.name == "empty" || b.name == "no form at all" || b.name == "other boundary") {
				continue // then it is another form
			}
			r := upload(t, w, front+b.body)
			require.Equal(t, 400, r.StatusCode, b.name+r.body)
			f := standard(t, r, domain.GatewayService)
			assert.Equal(t, string(b.code), f.Code, b.name)
			assert.Equal(t, b.message, f.Message, b.name)
			assert.Equal(t, b.details, f.Details, b.name)
			if front != "" {
				event(t, s.cut)
			}
		}
	}
	assert.Empty(t, s.taken())
	assert.Equal(t, 202, upload(t, w, goodForm()).StatusCode, "none of it opened the circuit")
}

func TestOnlyFormsAreTaken(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	w := s.behind(t, nil)
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
		r := call(t, http.MethodPost, w.base+uploadPath, goodForm(), given...)
		assert.Equal(t, status, r.StatusCode, headers+r.body)
		if status != 202 {
			standard(t, r, domain.GatewayService)
		}
	}
	require.Len(t, s.taken(), 1)
}

func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	s := newFileService(t)
	const limit = 300_000
	w := s.behind(t, func(c *httpserver.GatewayConfig) { c.Uploads.MaxBytes = limit })
	frame := len(formOf(file("a", ""), field("batch_id", "b1")))
	exact := formOf(file("a", strings.Repeat("x", limit-frame)), field("batch_id", "b1"))
	require.Len(t, exact, limit)
	for _, chunked := range []bool{false, true} {
		send := func(body string) reply {
			if !chunked {
				return upload(t, w, body)
			}
			up := uploading(t, w)
			go func() { _, _ = io.Copy(up, strings.NewReader(body)); _ = up.Close() }()
			return up.wait(t)
		}
		require.Equal(t, 202, send(exact).StatusCode)
		for _, over := range []string{exact + "x", formOf(file("a", strings.Repeat("x", limit)), field("batch_id", "b1"))} {
			r := send(over)
			require.Equal(t, 413, r.StatusCode)
			f := standard(t, r, domain.GatewayService)
			require.Equal(t, string(domain.ValidationError), f.Code)
			require.Equal(t, map[string]any{"limit_bytes": float64(limit)}, f.Details)
		}
	}
	require.Len(t, s.taken(), 2)
	// A chunked body that is too large may be aborted before the service sees it.
	require.LessOrEqual(t, len(s.came), 4, "what is announced as too large costs the service nothing")
	r := upload(t, w, exact+"x", "Content-Type: text/plain")
	require.Equal(t, 413, r.StatusCode, "the length comes first")
}

func TestFileServicesAnswers(t *testing.T) {
	t.Parallel()
	const plain = "The file service refused the form"
	forbidden := `{"error":{"error_code":"AUTHORIZATION_ERROR","message":"secret"}}`
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
		{400, `{"error":"<b>no</b>"}`, 400, domain.ValidationError, plain},
		{400, `{"error":"line\nTraceback"}`, 400, domain.ValidationError, plain},
		{400, `{"error":""}`, 400, domain.ValidationError, plain},
		{400, `Traceback`, 400, domain.ValidationError, plain},
		{400, ``, 400, domain.ValidationError, plain},
		{403, `{"error":"secret"}`, 403, domain.AuthorizationError, "Not allowed to add files to this batch"},
		{409, forbidden, 403, domain.AuthorizationError, "Not allowed to add files to this batch"},
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
		w := answering(t, c.status, c.body).behind(t, nil)
		r := upload(t, w, goodForm())
		require.Equal(t, c.want, r.StatusCode, "%d %d", i, c.status)
		f := standard(t, r, domain.GatewayService)
		assert.Equal(t, string(c.code), f.Code, i)
		assert.Equal(t, c.message, f.Message, i)
		assert.NotContains(t, r.body, "secret")
		if c.want == 502 {
			assert.Equal(t, map[string]any{"external_service": "file_service", "status_code": float64(c.status)}, f.Details)
		}
	}
	for _, status := range []int{201, 202} {
		w := answering(t, status, `{"any": "body"}`).behind(t, nil)
		r := upload(t, w, goodForm())
		require.Equal(t, status, r.StatusCode)
		require.Equal(t, `{"any": "body"}`, r.body)
	}
	w := answering(t, 202, strings.Repeat("x", 2<<20)).behind(t, nil)
	require.Equal(t, 502, upload(t, w, goodForm()).StatusCode, "an answer without bounds is none")
}

func TestUploadsWithoutAFileService(t *testing.T) {
	t.Parallel()
	r := upload(t, newWorld(t), goodForm())
	require.Equal(t, 503, r.StatusCode)
	require.Equal(t, "file_service", standard(t, r, domain.GatewayService).Details["external_service"])
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
	p := parts(&world{facts: &facts{}, log: &logbook{}}, nil, nil)
	p.Config.Uploads.MaxFiles = 0
	_, err := httpserver.NewGateway(p)
	require.Equal(t, domain.ConfigurationError, domain.CodeOf(err))
}

// FuzzForm: whatever comes in, what goes out is whole only if it is good, and
// then every reader finds the same fields in it.
func FuzzForm(f *testing.F) {
	for _, b := range badForms() {
		f.Add([]byte(b.body))
	}
	f.Add([]byte(goodForm()))
	f.Add([]byte("x\n--B\nContent-Disposition: form-data; name=files; filename=a\n\n--B \n--B--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var out bytes.Buffer
		boundary, err := httpserver.CopyForm(bytes.NewReader(body), "B", &out, 3)
		whole := bytes.HasSuffix(out.Bytes(), []byte("--"+boundary+"--\r\n"))
		require.Equal(t, err == nil, whole, err)
		if err != nil {
			require.Contains(t, []domain.Code{domain.ValidationError, domain.ParsingError}, domain.CodeOf(err))
			return
		}
		requireGood(t, out.String(), boundary)
	})
}

// requireGood reads a form as a careless service would: by its lines.
func requireGood(t *testing.T, form, boundary string) {
	t.Helper()
	parts := strings.Split("\r\n"+form, "\r\n--"+boundary)
	require.Equal(t, "--\r\n", parts[len(parts)-1])
	counted := map[string]int{}
	for _, part := range parts[1 : len(parts)-1] {
		head, _, found := strings.Cut(part, "\r\n\r\n")
		require.True(t, found)
		require.NotContains(t, strings.ReplaceAll(head, "\r\n", ""), "\r")
		require.NotContains(t, strings.ReplaceAll(head, "\r\n", ""), "\n")
		require.Equal(t, 1, strings.Count(strings.ToLower(head), "\r\ncontent-disposition:"))
		for _, name := range []string{"batch_id", "assignment_id", "files"} {
			if strings.Contains(head, "name="+strconv.Quote(name)) || strings.Contains(head, "name="+name) {
				counted[name]++
				break
			}
		}
	}
	require.LessOrEqual(t, counted["assignment_id"], 1)
	require.LessOrEqual(t, counted["files"], 3)
}
