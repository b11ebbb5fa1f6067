package decode

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// FuzzMembers compares members, items and unquoted with encoding/json.
func FuzzMembers(f *testing.F) {
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
		if domain.LoneSurrogate(raw) >= 0 {
			return
		}
		switch raw[0] {
		case '{':
			var want map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(raw, &want))
			got := map[string]json.RawMessage{}
			for name, value := range members(raw) {
				got[unquoted(name)] = json.RawMessage(value)
			}
			require.Equal(t, want, got)
		case '[':
			want := []json.RawMessage{}
			require.NoError(t, json.Unmarshal(raw, &want))
			got := []json.RawMessage{}
			for item := range items(raw) {
				got = append(got, json.RawMessage(item))
			}
			require.Equal(t, want, got)
		case '"':
			var want string
			require.NoError(t, json.Unmarshal(raw, &want))
			require.Equal(t, want, unquoted(raw))
		}
	})
}
