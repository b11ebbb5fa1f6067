package env

import (
	"slices"
	"strings"
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
			slips := distance(strings.ToUpper(name), known)
			if slips <= slipsIn(known) && slips < best {
				best, found = slips, known
			}
		}
	}
	return found
}

// slipsIn is how many slips of the pen still leave a name recognisable. Short
// names are too near to each other: REDIS_SSL is not REDIS_URL.
func slipsIn(name string) int {
	const long = 12
	if len(name) < long {
		return 1
	}
	return 2
}

// distance is how many letters have to be added, left out, replaced or swapped
// with their neighbour to make one name of the other.
func distance(a, b string) int {
	var before, last, row []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := 1; i <= len(a); i++ {
		row = []int{i}
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row = append(row, d)
		}
		before, last = last, row
	}
	return last[len(b)]
}
