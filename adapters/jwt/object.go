package jwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// Why a token's part cannot be read.
var (
	errNoObject = errors.New("not one JSON object in UTF-8")
	errTwice    = errors.New("a member stands twice")
	errNoNumber = errors.New("not a number of seconds")
)

// lastSecond is the end of the year 9999: later times are no times.
const lastSecond = 253402300799

// object is a JSON object whose members are still undecoded.
type object map[string]json.RawMessage

// readObject reads exactly one object. encoding/json alone would let the last
// of two members of one name win, and mend broken UTF-8.
func readObject(text []byte) (object, error) {
	if !utf8.Valid(text) {
		return nil, errNoObject
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errNoObject
	}
	members := object{}
	for decoder.More() {
		if err := members.readMember(decoder); err != nil {
			return nil, err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errNoObject
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return members, nil
}

func (o object) readMember(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return errNoObject
	}
	name, isName := token.(string)
	if !isName {
		return errNoObject
	}
	if _, known := o[name]; known {
		return errTwice
	}
	var value json.RawMessage
	if decoder.Decode(&value) != nil {
		return errNoObject
	}
	o[name] = value
	return nil
}

// text returns a member that is a string.
func (o object) text(name string) (value string, isText bool) {
	raw, present := o[name]
	if !present || raw[0] != '"' {
		return "", false
	}
	return value, json.Unmarshal(raw, &value) == nil
}

// instant returns a member that is a NumericDate (RFC 7519 section 2): seconds
// since 1970, with a fraction if need be. A member that is there and no such
// number is an error.
func (o object) instant(name string) (at time.Time, present bool, err error) {
	raw, present := o[name]
	if !present {
		return time.Time{}, false, nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(seconds) > lastSecond {
		return time.Time{}, true, errNoNumber
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))), true, nil
}

// decodePart reads base64url without padding (RFC 7515 section 2). The library
// alone would skip line feeds and ignore the last character's spare bits, so
// that one token could be written in many ways.
func decodePart(part string) ([]byte, bool) {
	for i := range len(part) {
		if part[i] == '\n' || part[i] == '\r' {
			return nil, false
		}
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return data, err == nil
}
