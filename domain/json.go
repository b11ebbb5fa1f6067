package domain

import (
	"bytes"
	"encoding/json"
)

// EncodeJSON writes a value as JSON without a trailing line feed. Unlike
// json.Marshal it keeps <, > and & as they are: the HTML escapes are six bytes
// each, so that a document could grow to six times the size that its client sent.
// A json.RawMessage inside the value keeps the escapes that it already has.
func EncodeJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
