package jwt_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
)

// readByTokens reads an object as encoding/json's own tokens tell it; false for
// anything that is not one object, or names a member twice.
func readByTokens(text []byte) (map[string]json.RawMessage, bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') || !json.Valid(text) {
		return nil, false
	}
	members := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		text, isText := name.(string)
		if _, known := members[text]; known || !isText {
			return nil, false
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil, false
		}
		members[text] = value
	}
	return members, true
}

// FuzzObject: what is taken apart by hand is what encoding/json says it is.
func FuzzObject(f *testing.F) {
	for _, text := range []string{
		``, `{}`, ` { } `, `{"a":1}`, "\t{\r\n\"a\" : 1 , \"b\":[1,{\"c\":\"]}\"}] }\n", `{"a":"\"}","a\\":{}}`,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":1}{}`, `{"a":1},`, `[1]`, `"x"`, `null`, `{"a":-1.5e+3,"b":true,"c":null}`,
		`{"":[[],[[]]]}`, `{"a":{"a":{"a":"{"}}}`, `{"a":1,}`, `{"a"}`, `{1:2}`, `{"\ud800":1}`, `{"\\":"\\\\","b":"\""}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := jwt.ParseObject(text)
		if err != nil {
			if want, is := readByTokens(text); is && json.Valid(text) && bytes.Equal(bytes.ToValidUTF8(text, nil), text) {
				t.Fatalf("%q is %v, but: %v", text, want, err)
			}
			return
		}
		want, is := readByTokens(text)
		require.True(t, is, "%q", text)
		require.Len(t, got, len(want))
		for name, value := range want {
			require.Equal(t, string(value), got[name], "%q of %q", name, text)
		}
	})
}
