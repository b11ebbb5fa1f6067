package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/api"
)

// description is the OpenAPI document, against which responses are checked.
type description struct {
	document *openapi3.T
	// outside is the operation of paths and methods that the document does not list.
	outside *openapi3.Operation
	// checked holds the keys of responses that match the document. A check compiles the schemas of
	// a response, which takes 30 ms of CPU with the race detector.
	checked sync.Map
	// varying are the forms of what differs between equal responses, by what replaces them.
	varying map[string]*regexp.Regexp
	number  *regexp.Regexp
}

// keyOf returns a text that is equal for two responses with one description that differ only in ids and
// times of the same form, in numbers in headers, and in a body that is not JSON: the document does
// not restrict its text.
func (d *description) keyOf(o *openapi3.Operation, method string, a response) string {
	described, body := any(o), "not JSON"
	if r := o.Responses.Status(a.status); r != nil {
		described = r.Value // operations share it
	}
	if json.Valid(a.body) {
		body = d.mask(string(a.body))
	}
	return fmt.Sprintf("%p %s %d %s %s", described, method, a.status, d.number.ReplaceAllString(d.mask(fmt.Sprint(a.header)), "0"), body)
}

// mask replaces ids and times.
func (d *description) mask(text string) string {
	for mark, form := range d.varying {
		text = form.ReplaceAllString(text, mark)
	}
	return text
}

// described is the contract, or why it cannot be read, once for all tests.
var described = sync.OnceValue(func() (out struct {
	*description

	err error
},
) {
	out.description, out.err = readDescription()
	return out
})

// readDescription loads the document in the same way as the gateway.
func readDescription() (*description, error) {
	text, err := yaml.YAMLToJSON(api.OpenAPI())
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	for _, media := range []string{"text/html", "text/javascript", "text/css", "image/png"} {
		openapi3filter.RegisterBodyDecoder(media, asText)
	}
	d := &description{
		document: document, outside: openapi3.NewOperation(), number: regexp.MustCompile(`\b\d+\b`),
		varying: map[string]*regexp.Regexp{
			"UUID":  regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`),
			"TRACE": regexp.MustCompile(`\b[0-9a-f]{32}\b`),
			"TIME":  regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00\b`),
		},
	}
	for status, name := range map[int]string{400: "BadRequest", 404: "RouteNotFound", 405: "MethodNotAllowed"} {
		response, there := document.Components.Responses[name]
		if !there {
			return nil, fmt.Errorf("response %q: %w", name, errUndescribed)
		}
		d.outside.AddResponse(status, response.Value)
	}
	return d, nil
}

var errUndescribed = errors.New("the contract says nothing of it")

func asText(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	text, err := io.ReadAll(body)
	return string(text), err
}

// operation returns the operation of a request. HEAD is GET without a body.
func (d *description) operation(method string, target *url.URL) *openapi3.Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, template := range d.document.Paths.InMatchingOrder() {
		if matchesTemplate(template, target.EscapedPath()) {
			if o := d.document.Paths.Value(template).GetOperation(method); o != nil {
				return o
			}
		}
	}
	return d.outside
}

// matchesTemplate reports whether a path matches a template; {path} matches the rest of it.
func matchesTemplate(template, path string) bool {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	for i, w := range want {
		switch {
		case w == "{path}":
			return len(have) > i
		case i >= len(have), !strings.HasPrefix(w, "{") && w != have[i], strings.HasPrefix(w, "{") && have[i] == "":
			return false
		}
	}
	return len(want) == len(have)
}

// check returns an error if status, headers, media type or body of a response differ from the document.
func (d *description) check(ctx context.Context, method, target string, a response) error {
	at, err := url.Parse(target)
	if err != nil {
		return err
	}
	request := &http.Request{Method: http.MethodGet, URL: at}
	route := &routers.Route{Spec: d.document, Method: method, Operation: d.operation(method, at)}
	key := d.keyOf(route.Operation, method, a)
	if _, known := d.checked.Load(key); known {
		return nil
	}
	if err := checkError(route.Operation, a); err != nil {
		return err
	}
	err = openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, Route: route},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: method == http.MethodHead},
	})
	if err == nil {
		d.checked.Store(key, nil)
	}
	return err
}

// checkError returns an error if the code of an error body is not one of
// x-error-codes of its response.
func checkError(o *openapi3.Operation, a response) error {
	var body struct {
		Error *struct{ Code string }
	}
	_ = json.Unmarshal(a.body, &body) // the document decides about a body that is not JSON
	if a.status < 400 || body.Error == nil {
		return nil
	}
	described := o.Responses.Status(a.status)
	if described == nil || described.Value == nil {
		return nil // the caller reports it
	}
	allowed, restricted := described.Value.Extensions["x-error-codes"].([]any)
	if restricted && !slices.Contains(allowed, any(body.Error.Code)) {
		return fmt.Errorf("code %q: %w", body.Error.Code, errUndescribed)
	}
	return nil
}

// checkDescription fails the test if a response of the gateway differs from the document. A response that
// the notification service has not marked as its own counts as the gateway's. Preflights are no operations.
func (a response) checkDescription(t *testing.T, method, target string) {
	t.Helper()
	if method == http.MethodOptions || bytes.Contains(a.body, []byte(`"service":"websocket_service"`)) {
		return
	}
	d := described()
	if assert.NoError(t, d.err) {
		assert.NoError(t, d.check(t.Context(), method, target, a), "%s %s: %s", method, target, &a)
	}
}

// differencesFromTheDescription checks that each kind of difference from the document is found.
func differencesFromTheDescription(t *testing.T, s *running) {
	d := described()
	require.NoError(t, d.err)
	gateway := s.gateways[0]
	teacher, batch := s.batch(1)
	at := gateway.http(statusPath(batch))
	good, refused := call(t, "GET", at, "", as(teacher)), call(t, "GET", at, "", nil)
	require.NoError(t, d.check(t.Context(), "GET", at, good))
	require.NoError(t, d.check(t.Context(), "HEAD", at, response{good.status, good.header, nil}))
	require.NoError(t, d.check(t.Context(), "GET", at, refused))
	for name, broken := range map[string]response{
		"status":     {201, good.header, good.body},
		"body":       {200, good.header, bytes.Replace(good.body, []byte("ready"), []byte("readier"), 1)},
		"header":     {200, without(good.header, "X-Trace-Id"), good.body},
		"challenge":  {401, without(refused.header, "Www-Authenticate"), refused.body},
		"code":       {401, refused.header, bytes.Replace(refused.body, []byte("AUTHENTICATION_ERROR"), []byte("TIMEOUT"), 1)},
		"media type": {200, http.Header{"Content-Type": {"text/html"}}, good.body},
	} {
		require.Error(t, d.check(t.Context(), "GET", at, broken), name)
	}
	require.Error(t, d.check(t.Context(), "GET", gateway.http("/nowhere"), good), "no operation")
	require.Error(t, d.check(t.Context(), "DELETE", at, good), "not by this method")
}

func without(h http.Header, name string) http.Header {
	h = h.Clone()
	h.Del(name)
	return h
}
