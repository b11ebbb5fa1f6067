package jsonmember_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
)

// unlimited is more entries than any text of these tests has.
const unlimited = 1 << 20

func TestParseReturnsNamesAndValuesUnchanged(t *testing.T) {
	for text, want := range map[string][]string{
		`{}`:                                nil,
		" { } \n":                           nil,
		`{"a":1}`:                           {"a=1"},
		"\t{\r\n\"a\" : 1 , \"b\":[1, 2] }": {"a=1", "b=[1, 2]"},
		`{"a":{"b":"}"},"A":"\"}"}`:         {`a={"b":"}"}`, `A="\"}"`},
		`{"a":1,"a":2,"\u0061":3}`:          {"a=1", "a=2", "a=3"},
		`{"\ud800":-1.5e+3,"":null}`:        {"\ufffd=-1.5e+3", "=null"},
		"{\"\xff\":\"\xff\"}":               {"\ufffd=\"\xff\""},
		`{"\ud83d\ude00\\\n":true}`:         {"\U0001f600\\\n=true"},
	} {
		o, err := jsonmember.Parse([]byte(text), unlimited)
		require.NoError(t, err, text)
		var got []string
		for i, m := range o.Members {
			got = append(got, o.Name(i)+"="+string(o.Value(i)))
			require.Contains(t, o.Find(o.Name(i)), i)
			require.Equal(t, byte('"'), text[m.Start])
		}
		require.Equal(t, want, got, text)
	}
}

func TestParseRefusesAnythingButOneObject(t *testing.T) {
	for _, text := range []string{
		``, ` `, `[1]`, `"x"`, `null`, `1`, `{"a":1}{}`, `{"a":1},`, `{"a":1}x`, `{"a":1,}`, `{"a"}`, `{1:2}`, `{`, `{"a":`, `{"a":[}`, `{"a":01}`,
		"{\"a\":\"\n\"}",
	} {
		_, err := jsonmember.Parse([]byte(text), unlimited)
		require.Error(t, err, text)
	}
}

func TestFindReturnsEachMemberWithTheName(t *testing.T) {
	o, err := jsonmember.Parse([]byte(`{"a":1,"b":2,"\u0061":3,"A":4}`), unlimited)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2}, o.Find("a"))
	require.Equal(t, "3", string(o.Last("a")))
	require.Empty(t, o.Find("c"))
	require.Nil(t, o.Last("c"))
}

func TestElementsReturnsThemUnchanged(t *testing.T) {
	got, err := jsonmember.Elements([]byte(` [ {"a": 1} ,"]",[[]] , null] `), unlimited)
	require.NoError(t, err)
	require.Equal(t, `{"a": 1}|"]"|[[]]|null`, string(bytes.Join(got, []byte("|"))))
	for _, text := range []string{``, `{}`, `[1`, `[1,]`, `[1]2`, `[1}`, `null`} {
		_, err := jsonmember.Elements([]byte(text), unlimited)
		require.Error(t, err, text)
	}
}

func TestMoreEntriesThanTheLimitAreRefused(t *testing.T) {
	for limit, want := range map[int]error{2: nil, 1: jsonmember.ErrTooMany} {
		_, err := jsonmember.Parse([]byte(`{"a":1,"b":2}`), limit)
		require.ErrorIs(t, err, want)
		_, err = jsonmember.Elements([]byte(`[1,2]`), limit)
		require.ErrorIs(t, err, want)
	}
}

func TestTextDecodesStrings(t *testing.T) {
	for raw, want := range map[string]string{
		`""`: "", `"a"`: "a", `"\"\\\u00e5"`: `"\å`, `"\ud83d\ude00"`: "\U0001f600", `"\ud800"`: "\ufffd", `1`: "", `null`: "", ``: "", `{"a":"b"}`: "",
	} {
		require.Equal(t, want, jsonmember.Text([]byte(raw)), raw)
	}
}

// FuzzParse compares with encoding/json: the same texts are objects, with the same names and
// values.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { } `, "\t{\r\n\"a\" : 1 , \"b\":[1,{\"c\":\"]}\"}] }\n", `{"a":"\"}","a\\":{}}`, `{"a":1,"\u0061":2}`, `{"a":1}{}`, `[1]`,
		`null`, `{"":[[],[[]]]}`, `{"a":1,}`, `{"\ud800":1}`, "{\"\xff\":\"\xff\"}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		given := slices.Clone(text)
		o, err := jsonmember.Parse(text, unlimited)
		require.Equal(t, given, text, "the text is not changed")
		want, isObject := withEncodingJSON(text)
		require.Equal(t, isObject, err == nil, "%q: %v", text, err)
		if err != nil {
			return
		}
		var got []string
		for i := range o.Members {
			got = append(got, fmt.Sprintf("%s=%s", o.Name(i), o.Value(i)))
		}
		require.Equal(t, want, got, "%q", text)
	})
}

// withEncodingJSON returns the members of an object; false for another text.
func withEncodingJSON(text []byte) (members []string, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') || !json.Valid(text) {
		return nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil, false
		}
		members = append(members, fmt.Sprintf("%s=%s", name, value))
	}
	return members, true
}

// FuzzText compares with encoding/json.
func FuzzText(f *testing.F) {
	for _, raw := range []string{`""`, `"a"`, `"\ud800"`, `"\ud83d\ude00"`, `"\\u0061\u0061"`, "\"\xff\"", `1`, `{`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want string
		got := jsonmember.Text(raw)
		if err := json.Unmarshal(raw, &want); err == nil && raw[0] == '"' && raw[len(raw)-1] == '"' {
			require.Equal(t, want, got, "%q", raw)
		}
	})
}

// TestIsTextAllocatesNothing compares names with and without escapes, as an object with very many
// of them makes a decoder do.
func TestIsTextAllocatesNothing(t *testing.T) {
	for text, escaped := range map[string]string{
		"a": `"\u0061"`, "references": `"\u0072eferences"`, "original_essay": `"original_essay"`,
		"b": `"` + strings.Repeat(`\u0061`, 1000) + `"`, "\ufffd": "\"\xff\"",
		"student_facing_ai_feedback_text": `"` + strings.Repeat(`\u0061`, 31) + `"`,
	} {
		raw := []byte(escaped)
		require.Equal(t, jsonmember.Text(raw) == text, jsonmember.IsText(raw, text), escaped)
		require.Zero(t, testing.AllocsPerRun(10, func() { jsonmember.IsText(raw, text) }), escaped)
	}
	require.True(t, jsonmember.IsText([]byte(`7`), ""), "another value has no text")
	require.False(t, jsonmember.IsText([]byte(`7`), "7"))
}
