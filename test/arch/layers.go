package arch

import (
	"path"
	"slices"
	"strings"
)

const wireModule = "github.com/google/wire"

// layers is the table of dependencies. Tests may import what they need, but
// for Wire, which ignores injectors in test files without a word.
func layers(s source) []finding {
	var out []finding
	for _, i := range s.tree.Imports {
		p := strings.Trim(i.Path.Value, `"`)
		switch {
		case p == wireModule && !s.within("wire"):
			out = append(out, s.found(i, "only wire imports "+p))
		case !s.isTest() && !mayImport(s.dir(), p):
			out = append(out, s.found(i, s.dir()+" may not import "+p))
		}
	}
	return out
}

// mayImport is the table.
func mayImport(dir, imported string) bool {
	layer := top(dir)
	own, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return standard(imported) || slices.Contains([]string{"adapters", "wire", "cmd", "test"}, layer)
	}
	switch layer {
	case "ports":
		return within(own, "domain")
	case "app":
		return within(own, "domain", "ports")
	case "adapters":
		return within(own, "domain", "ports", "app") || shared(own) || dir == "adapters/httpserver" && own == "api"
	case "wire":
		return within(own, "domain", "ports", "app", "adapters", "api")
	case "cmd":
		return within(own, "wire", "adapters", "domain") || dir == "cmd/edge" && own == "test/world"
	case "test":
		return !within(own, "cmd")
	default: // domain, api, and whatever the table does not name
		return false
	}
}

// shared reports whether a package holds what adapters share and no library has.
func shared(own string) bool { return strings.HasPrefix(own, "adapters/internal/") }

// within reports whether a package is one of the layers or lies below.
func within(own string, layers ...string) bool { return slices.Contains(layers, top(own)) }

// top is the first element of a path.
func top(p string) string {
	first, _, _ := strings.Cut(path.Clean(p), "/")
	return first
}

// standard reports whether a path belongs to the standard library, whose first
// element has no dot.
func standard(p string) bool { return !strings.Contains(top(p), ".") }
