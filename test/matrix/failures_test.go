package matrix_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// failure is one way in which a service fails.
type failure struct {
	name string
	// site is the name of the gateway whose services fail below HTTP, or "" for the gateway whose
	// services run scripts.
	site string
	run  script
	// waits is set if a timeout of the gateway ends the failure.
	waits bool
	// small is set if the size of the request does not matter.
	small bool
	want  byKind
}

// scripted returns the failures of the connection before or during the response.
func scripted() []failure {
	inBody := byKind{"": broken, upload: cutOr502, through: cutOr502, bodiless: good}
	stalled := byKind{"": late, upload: "cut|504 TIMEOUT", through: "cut|504 TIMEOUT", bodiless: good}
	return []failure{
		{name: "none", run: answerWell, want: all(good)},

		{name: "hangs before body", run: (*call).hang, waits: true, want: all(late)},
		{name: "hangs after body", run: afterBody((*call).hang), waits: true, want: all(late)},
		{name: "closes before body", run: closes, want: all(noByte)},
		{name: "closes in mid-body", run: midBody(closes), want: all(noByte)},
		{name: "closes after body", run: afterBody(closes), want: all(noByte)},
		{name: "resets before body", run: (*call).reset, want: all(noByte)},
		{name: "resets in mid-body", run: midBody((*call).reset), want: all(noByte)},
		{name: "resets after body", run: afterBody((*call).reset), want: all(noByte)},

		{name: "stalls in header", run: partOfHeader((*call).hang), waits: true, want: all(late)},
		{name: "closes in header", run: partOfHeader(closes), want: all(broken)},
		{name: "resets in header", run: partOfHeader((*call).reset), want: all(broken)},
		{name: "closes in status line", run: sends("HTTP/1.1 2"), want: all(broken)},
		{name: "stalls after informational", run: stallsInformational, waits: true, want: all(late)},

		{name: "stalls in answer", run: partOfBody((*call).hang), waits: true, want: stalled},
		{name: "closes in answer", run: partOfBody(closes), want: inBody},
		{name: "resets in answer", run: partOfBody((*call).reset), want: inBody},
		{name: "stalls in chunks", run: partOfChunks("", (*call).hang), waits: true, want: stalled},
		{name: "closes in chunks", run: partOfChunks("", closes), want: inBody},
		{name: "resets in chunks", run: partOfChunks("", (*call).reset), want: inBody},
		{name: "invalid chunk", run: partOfChunks("zz\r\nhello\r\n0\r\n\r\n", closes), want: inBody},
		{name: "chunk too long", run: partOfChunks("fffffffffffffffff\r\n", closes), want: inBody},
	}
}

// early returns the responses that a service sends before it has read the body.
func early() []failure {
	passed := func(status int) byKind {
		text := fmt.Sprint(status)
		return byKind{"": external, command: text, through: text, bodiless: text}
	}
	bad := passed(400)
	// The gateway does not pass on that an incomplete upload was accepted.
	accepted := byKind{"": good, upload: "ok|502 INVALID_RESPONSE|504 TIMEOUT"}
	bad[preflight], bad[upload] = "400", "400 VALIDATION_ERROR"
	var out []failure
	for _, end := range []struct {
		name string
		end  script
	}{{"closes", closes}, {"resets", (*call).reset}, {"stays", (*call).hang}} {
		out = append(out,
			failure{name: "early answer, " + end.name, run: earlyAnswer(0, end.end), want: accepted},
			failure{name: "early 400, " + end.name, run: earlyAnswer(400, end.end), want: bad},
			failure{name: "early 413, " + end.name, run: earlyAnswer(413, end.end), want: passed(413)},
		)
	}
	return out
}

// statuses returns the well-formed responses of a failing service.
func statuses() []failure {
	var out []failure
	for _, status := range []int{302, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504, 599} {
		text := fmt.Sprint(status)
		want := byKind{"": external, command: text, through: text, bodiless: text}
		if slices.Contains([]int{400, 404, 409, 429}, status) {
			want[preflight] = text
		}
		switch status {
		case 400:
			want[upload] = "400 VALIDATION_ERROR"
		case 403:
			want[upload] = "403 AUTHORIZATION_ERROR"
		case 404:
			want[upload], want[query], want[owner] = notFound, notFound, notFound
			want[list] = notFound + "|" + external
		case 409:
			want[upload] = "409 INVALID_REQUEST"
		}
		out = append(out, failure{name: "answers " + text, run: answers(status, `{"error":"no","correlation_id":"%s"}`), want: want})
	}
	noJSON := byKind{"": broken, upload: good, through: good, bodiless: good}
	// 999 is not a valid HTTP status.
	beyond := byKind{"": "502 *", through: "999|" + broken, bodiless: "999|" + broken}
	for i := range out {
		out[i].small = true
	}
	return append(out,
		failure{name: "answers 204", run: noContent, want: byKind{
			"": "502 INVALID_RESPONSE|502 EXTERNAL_SERVICE_ERROR", through: "204", bodiless: "204",
		}},
		failure{name: "answers 999", run: answers(999, `{"correlation_id":"%s"}`), want: beyond},
		failure{name: "answers HTML", run: answers(0, "<html>%s</html>"), want: noJSON},
		failure{name: "answers nothing", run: emptyBody, want: byKind{"": broken, upload: good, through: good, bodiless: good}},
	)
}

func closes(*call) bool { return false }

func afterBody(then script) script {
	return func(c *call) bool { return c.readBody() == nil && then(c) }
}

// midBody reads one byte of the body, if there is one.
func midBody(then script) script {
	return func(c *call) bool {
		_, _ = io.ReadFull(c.request.Body, make([]byte, 1))
		return then(c)
	}
}

// partOfHeader sends half a header.
func partOfHeader(then script) script {
	return afterBody(func(c *call) bool {
		c.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Ha")
		return then(c)
	})
}

func stallsInformational(c *call) bool {
	if c.readBody() != nil {
		return false
	}
	c.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
	return c.hang()
}

// partOfBody sends a header that announces 1,000 bytes, and fewer bytes.
func partOfBody(then script) script {
	return afterBody(func(c *call) bool {
		status, content := c.good()
		if c.request.Method == http.MethodHead {
			content = ""
		}
		c.write(head(status, 1000, c.ending()) + content)
		return then(c)
	})
}

// ending returns the header that announces the close for HEAD, whose response is complete without a body, so
// that the gateway would otherwise reuse the connection.
func (c *call) ending() string {
	if c.request.Method == http.MethodHead {
		return "Connection: close\r\n"
	}
	return ""
}

// partOfChunks sends a valid header, one chunk, and then the tail.
func partOfChunks(tail string, then script) script {
	return afterBody(func(c *call) bool {
		status, content := c.good()
		text := fmt.Sprintf("HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n%s\r\n", status, c.ending())
		if c.request.Method != http.MethodHead {
			text += fmt.Sprintf("%x\r\n%s\r\n%s", len(content), content, tail)
		}
		c.write(text)
		return then(c)
	})
}

// earlyAnswer responds before it reads the body and announces the close. Status 0 selects the status of a
// healthy service.
func earlyAnswer(status int, then script) script {
	return func(c *call) bool {
		answered, content := c.good()
		if status != 0 {
			answered, content = status, fmt.Sprintf(`{"error":"no","correlation_id":%q}`, c.id)
		}
		c.write(c.whole(answered, content, "Connection: close\r\n"))
		return then(c)
	}
}

// answers reads the body and responds with a status, where 0 selects that of a healthy service, and a body
// with the correlation id in place of %s.
func answers(status int, format string) script {
	return afterBody(func(c *call) bool {
		answered, _ := c.good()
		if status != 0 {
			answered = status
		}
		c.write(c.whole(answered, strings.ReplaceAll(format, "%s", c.id), "Location: /v1/classes/x\r\n"))
		return true
	})
}

func noContent(c *call) bool {
	if c.readBody() != nil {
		return false
	}
	c.write("HTTP/1.1 204 No Content\r\n\r\n")
	return true
}

func emptyBody(c *call) bool {
	if c.readBody() != nil {
		return false
	}
	status, _ := c.good()
	c.write(head(status, 0))
	return true
}

// sends writes the text instead of a response and closes the connection.
func sends(text string) script {
	return afterBody(func(c *call) bool {
		c.write(text)
		return false
	})
}
