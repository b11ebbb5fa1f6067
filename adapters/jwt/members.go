package jwt

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
)

// A token with one of these errors is malformed.
var (
	// errNotUTF8 is the error of a part of a token that is not UTF-8.
	errNotUTF8 = errors.New("not UTF-8")
	// errDuplicateMember is the error of an object with two members of one name.
	errDuplicateMember = errors.New("duplicate member")
	// errNotNumericDate is the error of a time that is not a number of seconds.
	errNotNumericDate = errors.New("not a number of seconds")
	// errLoneSurrogate is the error of a string with half of a UTF-16 surrogate pair.
	errLoneSurrogate = errors.New("lone surrogate")
)

const (
	// maxMembers is how many members of one object are accepted.
	maxMembers = maxToken
	// maxNumericDate is the end of the year 9999, in seconds since 1970.
	maxNumericDate = 253402300799
)

// members maps the names of a JSON object to its values, which are not decoded.
type members map[string][]byte

// parseMembers parses exactly one object. It refuses duplicate members and invalid UTF-8,
// which encoding/json accepts.
func parseMembers(text []byte) (members, error) {
	if !utf8.Valid(text) {
		return nil, errNotUTF8
	}
	object, err := jsonmember.Parse(text, maxMembers)
	if err != nil {
		return nil, err
	}
	out := make(members, len(object.Members))
	for i := range object.Members {
		name := object.Name(i)
		if _, known := out[name]; known {
			return nil, errDuplicateMember
		}
		out[name] = object.Value(i)
	}
	return out, nil
}

// text returns a copy of a member that is a string. isString is false for another value, and
// for a member that is absent.
func (m members) text(name string) (value string, isString bool) {
	raw := m[name]
	return jsonmember.Text(raw), len(raw) > 0 && raw[0] == '"'
}

// hasLoneSurrogate reports whether a member has a string with a lone surrogate. Decoding
// replaces it by U+FFFD, so that different identities would become equal.
func (m members) hasLoneSurrogate(name string) bool { return domain.LoneSurrogate(m[name]) >= 0 }

// numericDate returns a member that is a NumericDate (RFC 7519 section 2): seconds since
// 1970, with an optional fraction. It returns an error for a member that is no such number.
func (m members) numericDate(name string) (at time.Time, present bool, err error) {
	raw, present := m[name]
	if !present {
		return time.Time{}, false, nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(seconds) > maxNumericDate {
		return time.Time{}, true, errNotNumericDate
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))), true, nil
}

// decodePart decodes base64url without padding (RFC 7515 section 2). It refuses line feeds
// and unused bits in the last character, which the library ignores, so that a token has
// exactly one encoding.
func decodePart(part string) ([]byte, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return data, err == nil && !strings.ContainsAny(part, "\r\n")
}
