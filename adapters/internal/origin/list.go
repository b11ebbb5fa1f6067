package origin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/huleedu/edge/domain"
)

// List is a set of allowed origins. It is not changed after New and may be used
// from any goroutine.
type List struct {
	any   bool
	known map[string]struct{}
}

// New returns the list that the entries of a setting make in the environment.
// Production leaves out loopback origins, of which Ignored tells. Entries that
// Check refuses allow nothing.
func New(entries []string, environment domain.Environment) List {
	l := List{any: slices.Contains(entries, Any), known: make(map[string]struct{}, len(entries))}
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

// Allows reports whether a request with this Origin header is from an origin of
// the list. The header is compared in its canonical form.
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
	return known
}

// AllowsLocal is Allows that also takes every loopback origin, whatever its
// port: a developer's page.
func (l List) AllowsLocal(header string) bool {
	canonical, err := Canonical(header)
	return l.Allows(header) || err == nil && IsLoopback(canonical)
}

// Check returns what is wrong with the entries, or nil. Each reason stands
// once, without the entry.
func Check(entries []string) error {
	var all []error
	for _, entry := range entries {
		if _, err := Canonical(entry); entry != Any && err != nil && !slices.Contains(all, err) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Problem is Check as a sentence behind the setting's name; empty: none.
func Problem(entries []string) string {
	err := Check(entries)
	if err == nil {
		return ""
	}
	return "holds an entry that " + strings.ReplaceAll(err.Error(), "\n", ", and one that ")
}

// Ignored is the warning about entries that New leaves out in the environment;
// empty: none is left out.
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
