package matrix_test

import (
	"fmt"
	"net/http"
	"strings"
)

// garbage returns responses that are not well-formed HTTP.
func garbage() []failure {
	const json = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	var out []failure
	for _, g := range []struct{ name, text string }{
		{"another protocol", "SSH-2.0-OpenSSH_9.9\r\n"},
		{"binary", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\x00\xff\r\n\r\n"},
		{"HTTP/2", "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n"},
		{"HTTP/0.9", "<html>hello</html>"},
		{"empty line", "\r\n"},
		{"status no number", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"},
		{"status two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"},
		{"status 099", "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"},
		{"status negative", "HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n"},
		{"header without colon", json + "NoColonHere\r\nContent-Length: 2\r\n\r\n{}"},
		{"header with NUL", json + "X-Nul: a\x00b\r\nContent-Length: 2\r\n\r\n{}"},
		{"huge header", json + "X-Huge: " + strings.Repeat("h", 2<<20) + "\r\nContent-Length: 2\r\n\r\n{}"},
		{"endless header", json + strings.Repeat("X-More: "+strings.Repeat("h", 1000)+"\r\n", 3000)},
		{"length no number", json + "Content-Length: abc\r\n\r\n{}"},
		{"length negative", json + "Content-Length: -1\r\n\r\n{}"},
		{"length too large", json + "Content-Length: 99999999999999999999\r\n\r\n{}"},
		{"lengths that differ", json + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "},
		{"unknown transfer coding", json + "Transfer-Encoding: gzip\r\n\r\n{}"},
		{"only informational", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"},
		{"upgrade", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"},
	} {
		out = append(out, failure{name: "garbage, " + g.name, run: sends(g.text), small: true, want: byKind{"": broken, upload: "502 *"}})
	}
	return append(out,
		failure{name: "garbage, length and chunks", run: lengthAndChunks, small: true, want: all(okOr502)},
		failure{name: "garbage, version 9", run: odd("HTTP/9.9", ""), small: true, want: all(okOr502)},
		failure{name: "garbage, header name with space", run: odd("HTTP/1.1", "Bad Name: 1\r\n"), small: true, want: all(okOr502)},
		failure{name: "many informational, then good", run: manyInformational, want: all(okOr502)},
		failure{name: "informational, then good", run: informational, want: all(good)},
		failure{name: "two answers", run: followed("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"), want: all(good)},
		failure{name: "answer, then garbage", run: followed("no HTTP at all"), want: all(good)},
	)
}

func lengthAndChunks(c *call) bool {
	if c.readBody() != nil {
		return false
	}
	status, content := c.good()
	text := head(status, 3, "Transfer-Encoding: chunked\r\n")
	if c.request.Method != http.MethodHead {
		text += fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(content), content)
	}
	c.write(text)
	return false
}

// odd sends a valid response with another version and an additional header.
func odd(version, header string) script {
	return afterBody(func(c *call) bool {
		status, content := c.good()
		c.write(strings.Replace(c.whole(status, content, header, "Connection: close\r\n"), "HTTP/1.1", version, 1))
		return false
	})
}

func manyInformational(c *call) bool {
	if c.readBody() != nil {
		return false
	}
	c.write(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 200))
	status, content := c.good()
	c.write(c.whole(status, content, "Connection: close\r\n"))
	return false
}

func informational(c *call) bool {
	c.write("HTTP/1.1 100 Continue\r\n\r\n")
	if c.readBody() != nil {
		return false
	}
	status, content := c.good()
	c.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + c.whole(status, content))
	return true
}

// followed sends a valid response and more bytes, and keeps the connection open. The next request on it must
// not get these bytes as its response.
func followed(tail string) script {
	return afterBody(func(c *call) bool {
		status, content := c.good()
		c.write(c.whole(status, content) + tail)
		return true
	})
}
