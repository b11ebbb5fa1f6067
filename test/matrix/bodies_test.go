package matrix_test

import (
	"fmt"
	"strings"

	"github.com/huleedu/edge/test/harness"
)

// body is a way to send a request's body.
type body struct {
	name  string
	large bool
	// slow bodies are sent in parts with pauses.
	slow bool
	// endless bodies are announced and never completed.
	endless bool
	// invalid bodies end in a framing error.
	invalid bool
	// encode returns the framing headers and the bytes of the body.
	encode func(content string) (headers, wire string)
}

// bodies is the table of request bodies.
func bodies() map[string]body {
	out := map[string]body{}
	for _, b := range []body{
		{name: "none", encode: func(string) (string, string) { return "", "" }},
		{name: "small", encode: withLength(0)},
		{name: "large", large: true, encode: withLength(0)},
		{name: "chunked", encode: chunked("0\r\n\r\n")},
		{name: "large chunked", large: true, encode: chunked("0\r\n\r\n")},
		{name: "slow", slow: true, encode: withLength(0)},
		{name: "never", endless: true, encode: withLength(1000)},
		{name: "never chunked", endless: true, encode: chunked("3e8\r\nx")},
		{name: "bad size", invalid: true, encode: chunked("zz\r\n")},
		{name: "bare LF", invalid: true, encode: chunked("1\nx\n0\n\n")},
		{name: "bad trailer", invalid: true, encode: chunked("0\r\nno colon here\r\n\r\n")},
	} {
		out[b.name] = b
	}
	return out
}

// withLength returns an encoding with Content-Length. It announces missing more bytes than it sends.
func withLength(missing int) func(string) (string, string) {
	return func(content string) (string, string) {
		return fmt.Sprintf("Content-Length: %d\r\n", len(content)+missing), content
	}
}

// chunked returns an encoding with two chunks and then the tail.
func chunked(tail string) func(string) (string, string) {
	return func(content string) (string, string) {
		half := len(content) / 2
		return "Transfer-Encoding: chunked\r\n",
			fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n%s", half, content[:half], len(content)-half, content[half:], tail)
	}
}

// request returns the head and the body of a request as bytes.
func (b body) request(r route, user, id string) (head, wire string) {
	headers, wire := b.encode(string(r.payload(b.large)))
	media := ""
	if headers != "" {
		media = "Content-Type: " + r.media + "\r\n"
	}
	return requestHead(r.method, r.path, user, id) + media + headers + "\r\n", wire
}

// requestHead returns a request line and the headers of a user's request,
// without the empty line.
func requestHead(method, path, user, id string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %s\r\nX-Correlation-ID: %s\r\n",
		method, path, harness.Token(user), id)
}

// get returns a GET request without a body.
func get(path, user, id string) string {
	return requestHead("GET", path, user, id) + "\r\n"
}

// parts splits a slow body into five parts. Other bodies are one part.
func (b body) parts(wire string) []string {
	if !b.slow {
		return []string{wire}
	}
	const count = 5
	var out []string
	for n := range count {
		out = append(out, wire[len(wire)*n/count:len(wire)*(n+1)/count])
	}
	return out
}

// oneLine shortens text for a line of the report.
func oneLine(text string) string {
	const shown = 160
	text = strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
	return text[:min(len(text), shown)]
}
