package domain

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxUserID bounds a user id, in characters.
const maxUserID = 255

// UserID identifies a user of the platform: a token's "sub", an event's
// "teacher_id". It is part of the names under which stores keep a user's data, so
// ParseUserID validates it at every input.
type UserID string

var (
	// ErrEmptyUserID is the error of ParseUserID for a text that is empty or blank.
	ErrEmptyUserID = errors.New("user id is empty or blank")
	// ErrInvalidUserID is the error of ParseUserID for any other text that is not a user id.
	ErrInvalidUserID = errors.New("user id is too long, holds control characters or begins with }")
)

// ParseUserID accepts 1-255 characters of valid UTF-8 that are not all blank,
// hold no control character and do not begin with "}", which stores of users' data
// reserve. It returns ErrEmptyUserID or ErrInvalidUserID.
func ParseUserID(s string) (UserID, error) {
	switch {
	case strings.TrimSpace(s) == "":
		return "", ErrEmptyUserID
	case !utf8.ValidString(s), utf8.RuneCountInString(s) > maxUserID, s[0] == '}', strings.ContainsFunc(s, unicode.IsControl):
		return "", ErrInvalidUserID
	default:
		return UserID(s), nil
	}
}

// Caller is the user that a verified token identifies.
type Caller struct {
	// User is the token's subject.
	User UserID
	// Org is the caller's organisation; empty when the token names none.
	Org string
	// Expires is the token's "exp". A connection that the token opened ends then.
	Expires time.Time
}
