package jsonmember_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
)

// FuzzIterators compares All, Items and Text with encoding/json.
func FuzzIterators(f *testing.F) {
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
			for name, value := range jsonmember.All(raw) {
				got[jsonmember.Text(name)] = value
			}
			require.Equal(t, want, got)
		case '[':
			want := []json.RawMessage{}
			require.NoError(t, json.Unmarshal(raw, &want))
			got := []json.RawMessage{}
			for item := range jsonmember.Items(raw) {
				got = append(got, item)
			}
			require.Equal(t, want, got)
		case '"':
			var want string
			require.NoError(t, json.Unmarshal(raw, &want))
			require.Equal(t, want, jsonmember.Text(raw))
			require.True(t, jsonmember.IsText(raw, want))
			require.False(t, jsonmember.IsText(raw, want+"a"))
		}
	})
}
