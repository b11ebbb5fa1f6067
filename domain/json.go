package domain

import (
	"bytes"
	"encoding/json"
)

// EncodeJSON encodes a value as JSON without a trailing line feed. Unlike
// json.Marshal it does not escape <, > and &: each escape has six bytes, so a
// document could grow to six times its size. A json.RawMessage inside the value keeps
// its escapes.
func EncodeJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// StringValue decodes a JSON string. It returns "" for any other value.
func StringValue(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
