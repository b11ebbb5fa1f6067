package httpserver_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
)

// FuzzScan compares the walk over valid JSON with what encoding/json makes of it.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ` { "a" : 1 , "b":[ 1,{"c":"}]\"\\"} ] } `, `{"a\u0062":"\ud83d\ude00\n\/\\"}`, `{"":"","":0}`, "\t[\n\"\\ud800\"]", `[1e5,true,null]`, `7`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !utf8.Valid(raw) || !json.Valid(raw) {
			return
		}
		raw = bytes.TrimSpace(raw)
		if httpserver.LoneSurrogate(raw) >= 0 {
			return
		}
		switch raw[0] {
		case '{':
			var want map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(raw, &want))
			require.Equal(t, want, httpserver.Members(raw))
		case '[':
			want := []json.RawMessage{}
			require.NoError(t, json.Unmarshal(raw, &want))
			require.Equal(t, want, httpserver.Items(raw))
		case '"':
			var want string
			require.NoError(t, json.Unmarshal(raw, &want))
			require.Equal(t, want, httpserver.Unquoted(raw))
		}
	})
}

// FuzzLoneSurrogate: a string with a lone surrogate is one that changes when it
// is decoded and encoded as UTF-16, so its escapes and its text differ in number.
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
		require.Equal(t, bytes.Count([]byte(text), []byte("\ufffd")) > given, httpserver.LoneSurrogate(raw) >= 0, "%s", raw)
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
