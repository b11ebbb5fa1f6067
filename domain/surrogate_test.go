package domain_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// FuzzLoneSurrogate: encoding/json replaces lone surrogates, so a string has one if
// its text holds more U+FFFD than the string spells.
func FuzzLoneSurrogate(f *testing.F) {
	for _, seed := range []string{`\ud800`, `\ud83d\ude00`, `\\ud800`, `\ude00\ud83d`, `�`, `\ufffd`, `\ud83d\u`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, inner string) {
		raw := []byte(`"` + inner + `"`)
		var text string
		if json.Unmarshal(raw, &text) != nil || !utf8.Valid(raw) {
			return
		}
		given := bytes.Count(raw, []byte("\ufffd")) + replacements(raw)
		require.Equal(t, strings.Count(text, "\ufffd") > given, domain.LoneSurrogate(raw) >= 0, "%s", raw)
	})
}

// replacements counts the escapes that spell U+FFFD itself.
func replacements(raw []byte) (n int) {
	for at := 0; at < len(raw); at++ {
		if raw[at] != '\\' {
			continue
		}
		if at+6 <= len(raw) && bytes.EqualFold(raw[at:at+6], []byte(`\ufffd`)) {
			n++
		}
		at++
	}
	return n
}
