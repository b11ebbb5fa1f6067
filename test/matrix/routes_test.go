package matrix_test

import "bytes"

// route is a way through the gateway to one service.
type route struct {
	name, method, path string
	kind               kind
	// endpoint is the route's template in logs and metrics.
	endpoint string
	// only is the part of a service's path on which the failure happens.
	only       string
	goodStatus int
	media      string
	bodies     []string
	failures   []failure
}

const (
	prompt    = "/v1/batches/{batch_id}/prompt"
	pipelines = "/v1/batches/{batch_id}/pipelines"
	classes   = "/v1/classes/{path}"
	teacher   = "/bff/v1/teacher/{path}"
)

// routes is the table of routes. A route whose body is read whole before its
// service is called meets the faults of a client only once.
func routes() []route {
	failures := append(append(append(append(append(scripted(), early()...), statuses()...), garbage()...), belowHTTP()...), idle()...)
	whole := []string{"small", "large", "chunked", "slow"}
	ignored := []string{"none", "small", "chunked", "never", "bad size"}
	every := []string{"none", "small", "large", "chunked", "large chunked", "slow", "never", "never chunked", "bad size", "bare LF", "bad trailer"}
	most := []string{"none", "small", "large", "chunked", "slow", "never", "never chunked", "bad size"}
	few := []string{"none", "small", "chunked", "never", "bad size"}
	const json, form = "application/json", "multipart/form-data; boundary=B"
	out := []route{
		{"register", "POST", "/v1/batches/register", command, "/v1/batches/register", "", 202, json, whole, failures},
		{"prompt", "PATCH", "/v1/batches/b/prompt", command, prompt, "", 200, json, whole, failures},
		{"list", "GET", "/v1/batches", list, "/v1/batches", "", 200, json, ignored, failures},
		{"list HEAD", "HEAD", "/v1/batches", list, "/v1/batches", "", 200, json, []string{"none"}, failures},
		{"status", "GET", "/v1/batches/b/status", query, "/v1/batches/{batch_id}/status", "", 200, json, ignored, failures},
		{"status HEAD", "HEAD", "/v1/batches/b/status", query, "/v1/batches/{batch_id}/status", "", 200, json, []string{"none"}, failures},
		{"pipelines, owner", "POST", "/v1/batches/b/pipelines", owner, pipelines, "/status", 202, json, []string{"small"}, failures},
		{"pipelines, preflight", "POST", "/v1/batches/b/pipelines", preflight, pipelines, "/preflight", 202, json, whole, failures},
		{"pipelines, Kafka", "POST", "/v1/batches/b/pipelines", publish, pipelines, "", 202, json, whole, ofKafka()},
		{"files", "POST", "/v1/files/batch", upload, "/v1/files/batch", "", 202, form, most[1:], failures},
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		k, bodies := through, few
		switch method {
		case "POST":
			bodies = every
		case "GET":
			bodies = most
		case "HEAD":
			k = bodiless
		}
		out = append(out,
			route{"classes " + method, method, "/v1/classes/x", k, classes, "", 200, json, bodies, failures},
			route{"bff " + method, method, "/bff/v1/teacher/x", k, teacher, "", 200, json, few, failures})
	}
	return append(out, clientFaults(json)...)
}

// clientFaults are the invalid and unfinished bodies of the routes that read
// their body whole, in front of healthy services.
func clientFaults(media string) []route {
	bodies := []string{"never", "never chunked", "bad size", "bare LF", "bad trailer"}
	healthy := scripted()[:1]
	return []route{
		{"register", "POST", "/v1/batches/register", command, "/v1/batches/register", "", 202, media, bodies, healthy},
		{"prompt", "PATCH", "/v1/batches/b/prompt", command, prompt, "", 200, media, bodies, healthy},
		{"pipelines, preflight", "POST", "/v1/batches/b/pipelines", preflight, pipelines, "/preflight", 202, media, bodies, healthy},
	}
}

// readsBody reports whether the route's body is read before its answer, so
// that an invalid one cannot be answered well.
func (r route) readsBody() bool { return r.kind != query && r.kind != list }

const (
	jsonLarge  = 900 << 10 // the limit is 1 MiB
	otherLarge = 5 << 20
)

// payload returns the content of a good request.
func (r route) payload(large bool) []byte {
	if r.kind == upload {
		file := "essay"
		if large {
			file = string(bytes.Repeat([]byte("e"), otherLarge))
		}
		return []byte("--B\r\nContent-Disposition: form-data; name=\"batch_id\"\r\n\r\nb\r\n" +
			"--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\n" + file + "\r\n--B--\r\n")
	}
	text, size := "{}", otherLarge
	switch {
	case r.kind == command && r.method == "POST":
		text, size = `{"expected_essay_count":1,"essay_ids":["e1"],"course_code":"ENG7"}`, jsonLarge
	case r.kind == command:
		text, size = `{"student_prompt_ref":{"references":{}}}`, jsonLarge
	case r.endpoint == pipelines:
		text, size = `{"requested_pipeline":"spellcheck"}`, jsonLarge
	}
	if !large {
		return []byte(text)
	}
	return append(bytes.Repeat([]byte(" "), size-len(text)), text...)
}
