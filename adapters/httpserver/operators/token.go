package operators

import (
	"strings"

	"github.com/huleedu/edge/domain"
)

const (
	variable = "ADMIN_TOKEN" // variable is the setting of the token.
	minToken = 32            // minToken is the minimum length of the token in bytes.
)

// TokenProblems reports a token that is too short to withstand guesses, and one that cannot
// be sent in a header. Production also refuses a guessable one.
func TokenProblems(token domain.Secret, environment domain.Environment) []error {
	text := token.Reveal()
	switch {
	case text == "":
		return nil
	case len(text) < minToken:
		return []error{domain.Misconfigured(variable, "must have at least 32 bytes")}
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return []error{domain.Misconfigured(variable, "must be printable ASCII without blanks")}
	case environment == domain.Production && token.Guessable():
		return []error{domain.Misconfigured(variable, "is a well-known or guessable text, which production refuses")}
	default:
		return nil
	}
}

// TokenWarnings reports a token that has no effect, because the setting with that name, the
// address of the admin listener, is empty.
func TokenWarnings(token domain.Secret, name, address string) []error {
	if token == "" || address != "" {
		return nil
	}
	return []error{domain.Misconfigured(variable, "has no effect without "+name)}
}
