package reply

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/huleedu/edge/domain"
)

const (
	// maxReplyText is the maximum length in bytes of a redacted reply.
	maxReplyText = 200
	// maxReplyInput is how many bytes of a reply are processed.
	maxReplyInput = 4096
)

// Redacted returns an error reply with a text that is safe for logs and headers. It
// returns every other error unchanged.
func Redacted(err error) error {
	if err == nil || !Is(err) {
		return err
	}
	return &domain.StoreReply{Text: redact(err.Error()), Err: err}
}

// redact removes private parts from a reply: arguments, values of secrets, addresses, host
// names, long opaque words and control characters. It returns at most maxReplyText bytes
// of valid UTF-8.
func redact(reply string) string {
	text := strings.ToValidUTF8(reply[:min(len(reply), maxReplyInput)], " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	for _, rule := range []struct{ pattern, replacement string }{
		{`(?i)\bwith args beginning with:.*`, "with args beginning with: (...)"},
		{`'[^']*'?|"[^"]*"?|` + "`[^`]*`?", "(...)"},
		{`[A-Za-z][A-Za-z0-9+.-]*://\S*`, "(address)"},
		{`(?i)\b(password|passwd|pass|pwd|secret|token|credentials?|user(name)?)(\s*[=:]\s*|\s+is\s+)\S+`, "$1$3(...)"},
		{`\[?[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\]?(:\d+)?`, "(address)"},
		{`\S*\b\d{1,3}(\.\d{1,3}){3}\b\S*`, "(address)"},
		{`[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*:\d{2,5}\b`, "(address)"},
		{`\b[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\b`, "(address)"},
		{`[A-Za-z0-9+/_=-]{24,}`, "(...)"},
	} {
		text = regexp.MustCompile(rule.pattern).ReplaceAllString(text, rule.replacement)
	}
	return truncate(strings.Join(strings.Fields(text), " "), maxReplyText)
}

// truncate shortens a text to at most the given number of bytes, at a character boundary.
func truncate(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
