package env

import (
	"slices"
	"strings"

	"github.com/hbollon/go-edlib"
)

// UnknownVariable is a variable that resembles a setting but that no field reads. In most
// cases its name is misspelled.
type UnknownVariable struct {
	// Name is the variable.
	Name string
	// Suggestion is the setting with the most similar name; empty if there is none.
	Suggestion string
}

// Unknown lists, sorted by name, the variables that no field reads although they have
// one of the prefixes or a name that is similar to a setting. A variable without a
// prefix may belong to another program (REDIS_HOST, KAFKA_HEAP_OPTS); it is listed only
// if the similar setting is not set.
func Unknown(dst any, vars map[string]string, prefixes ...string) []UnknownVariable {
	settings := Settings(dst)
	set := map[string]bool{} // every variable that is read, and whether its setting is set
	for _, setting := range settings {
		names := append([]string{setting.Name}, setting.Aliases...)
		there := slices.ContainsFunc(names, func(name string) bool { _, is := vars[name]; return is })
		for _, name := range names {
			set[name] = set[name] || there
		}
	}
	var unknown []UnknownVariable
	for name := range vars {
		if _, read := set[name]; read {
			continue
		}
		meant := nearest(name, settings)
		ours := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		if ours || meant != "" && !set[meant] {
			unknown = append(unknown, UnknownVariable{name, meant})
		}
	}
	slices.SortFunc(unknown, func(a, b UnknownVariable) int { return strings.Compare(a.Name, b.Name) })
	return unknown
}

// nearest returns the variable with the smallest edit distance to the name, or "" if no
// distance is small enough.
func nearest(name string, settings []Setting) string {
	best, found := 3, ""
	for _, setting := range settings {
		for _, known := range append([]string{setting.Name}, setting.Aliases...) {
			most := min(maxDistance(known), best-1)
			if longer := len(name) - len(known); longer > most || -longer > most {
				continue // skips the expensive calculation
			}
			if distance := edlib.OSADamerauLevenshteinDistance(strings.ToUpper(name), known); distance <= most {
				best, found = distance, known
			}
		}
	}
	return found
}

// maxDistance returns the edit distance up to which a name counts as misspelled. It is
// lower for short names, which are similar to each other: REDIS_SSL is not REDIS_URL.
func maxDistance(name string) int {
	const long = 12
	if len(name) < long {
		return 1
	}
	return 2
}
