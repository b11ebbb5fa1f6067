package env

import (
	"slices"
	"strings"

	"github.com/hbollon/go-edlib"
)

// Stranger is a variable that looks like one of ours but that no field reads:
// most often a spelling mistake, worth a warning.
type Stranger struct {
	// Name is the variable.
	Name string
	// Meant is the setting whose name is nearly the same; empty: none is.
	Meant string
}

// Unknown lists, sorted by name, the variables that no field reads although they
// begin with one of our prefixes or are nearly the name of a setting. Without a
// prefix of ours a variable may be somebody else's (REDIS_HOST, KAFKA_HEAP_OPTS):
// it counts only while the setting that it resembles is not set itself.
func Unknown(dst any, vars map[string]string, prefixes ...string) []Stranger {
	settings := Settings(dst)
	set := map[string]bool{} // what is read, and whether its setting is set
	for _, setting := range settings {
		names := append([]string{setting.Name}, setting.Aliases...)
		there := slices.ContainsFunc(names, func(name string) bool { _, is := vars[name]; return is })
		for _, name := range names {
			set[name] = set[name] || there
		}
	}
	var unknown []Stranger
	for name := range vars {
		if _, read := set[name]; read {
			continue
		}
		meant := nearest(name, settings)
		ours := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		if ours || meant != "" && !set[meant] {
			unknown = append(unknown, Stranger{name, meant})
		}
	}
	slices.SortFunc(unknown, func(a, b Stranger) int { return strings.Compare(a.Name, b.Name) })
	return unknown
}

// nearest is the setting's name that differs least from the given one, by no
// more than a slip; empty: there is none.
func nearest(name string, settings []Setting) string {
	best, found := 3, ""
	for _, setting := range settings {
		for _, known := range append([]string{setting.Name}, setting.Aliases...) {
			most := min(maxDistance(known), best-1)
			if longer := len(name) - len(known); longer > most || -longer > most {
				continue // most are: the distance is dear
			}
			if slips := edlib.OSADamerauLevenshteinDistance(strings.ToUpper(name), known); slips <= most {
				best, found = slips, known
			}
		}
	}
	return found
}

// maxDistance is how many slips of the pen still leave a name recognisable. Short
// names are too near to each other: REDIS_SSL is not REDIS_URL.
func maxDistance(name string) int {
	const long = 12
	if len(name) < long {
		return 1
	}
	return 2
}
