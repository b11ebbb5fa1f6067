package origin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/huleedu/edge/domain"
)

// List is a set of allowed origins. It is immutable and safe for concurrent use.
type List struct {
	any   bool
	local bool // every loopback origin is allowed
	known map[string]struct{}
}

// New returns the list for the entries of a setting. In development it also contains
// every loopback origin on any port. In production it omits loopback origins, which
// Ignored reports. Entries that Check refuses have no effect.
func New(entries []string, environment domain.Environment) List {
	l := List{
		any: slices.Contains(entries, Any), local: environment == domain.Development,
		known: make(map[string]struct{}, len(entries)),
	}
	for _, entry := range entries {
		canonical, err := Canonical(entry)
		if err == nil && (environment != domain.Production || !IsLoopback(canonical)) {
			l.known[canonical] = struct{}{}
		}
	}
	return l
}

// Any reports whether the list allows every origin.
func (l List) Any() bool { return l.any }

// Allows reports whether the Origin header is in the list. The header is compared in
// canonical form.
func (l List) Allows(header string) bool {
	if l.any {
		return true
	}
	if _, known := l.known[header]; known {
		return true
	}
	canonical, err := Canonical(header)
	if err != nil {
		return false
	}
	_, known := l.known[canonical]
	return known || l.local && IsLoopback(canonical)
}

// Check returns the errors of invalid entries, each error once and without the
// entry, or nil.
func Check(entries []string) error {
	var all []error
	for _, entry := range entries {
		if _, err := Canonical(entry); entry != Any && err != nil && !slices.Contains(all, err) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Problem returns the errors of Check as the end of a sentence that begins with the
// setting's name. It is empty for valid entries.
func Problem(entries []string) string {
	err := Check(entries)
	if err == nil {
		return ""
	}
	return "holds an entry that " + strings.ReplaceAll(err.Error(), "\n", ", and one that ")
}

// Ignored returns a warning about the entries that New omits, or an empty text.
func Ignored(entries []string, environment domain.Environment) string {
	if environment != domain.Production {
		return ""
	}
	var out []string
	for _, entry := range entries {
		if canonical, err := Canonical(entry); err == nil && IsLoopback(canonical) {
			out = append(out, canonical)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return fmt.Sprintf("loopback origins are left out in production: %s", strings.Join(out, " "))
}
