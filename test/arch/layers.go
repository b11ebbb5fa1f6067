package arch

import (
	"path"
	"slices"
	"strings"
)

const wireModule = "github.com/google/wire"

// layers finds forbidden imports. Tests may import any package except Wire, which
// silently ignores injectors in test files.
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

// mayImport reports whether a package in dir may import another package.
func mayImport(dir, imported string) bool {
	layer := firstElement(dir)
	own, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return inStandardLibrary(imported) || slices.Contains([]string{"adapters", "wire", "cmd", "test"}, layer)
	}
	switch layer {
	case "ports":
		return within(own, "domain")
	case "app":
		return within(own, "domain", "ports") || strings.HasPrefix(own, "app/")
	case "adapters":
		return adapterMayImport(dir, own)
	case "wire":
		return within(own, "domain", "ports", "app", "adapters", "api")
	case "cmd":
		return within(own, "wire", "adapters", "domain") || programMayImport(dir, own)
	case "test":
		return !within(own, "cmd")
	default: // domain, api and unknown directories
		return false
	}
}

// programMayImport reports whether a package of a program may import a package that belongs to the
// program or, for the development tool, the simulated platform.
func programMayImport(dir, own string) bool {
	program := strings.Join(strings.SplitN(dir+"/", "/", 3)[:2], "/")
	return strings.HasPrefix(own, program+"/internal/") || program == "cmd/edge" && own == "test/world"
}

// adapterMayImport reports whether an adapter in dir may import a package of the module.
func adapterMayImport(dir, own string) bool {
	return within(own, "domain", "ports", "app") || shared(own) || partOf(dir, own) || dir == "adapters/httpserver" && own == "api"
}

// shared reports whether a package contains code that several adapters share.
func shared(own string) bool { return strings.HasPrefix(own, "adapters/internal/") }

// partOf reports whether a package belongs to the same adapter as dir and is not above it: an
// adapter imports its parts, a part imports other parts, and no part imports its parent.
func partOf(dir, own string) bool {
	adapter := strings.Join(strings.SplitN(dir+"/", "/", 3)[:2], "/")
	return strings.HasPrefix(own, adapter+"/") && !strings.HasPrefix(dir+"/", own+"/")
}

// within reports whether a package is in one of the layers.
func within(own string, layers ...string) bool { return slices.Contains(layers, firstElement(own)) }

// firstElement returns the first element of a path.
func firstElement(p string) string {
	first, _, _ := strings.Cut(path.Clean(p), "/")
	return first
}

// inStandardLibrary reports whether a path is in the standard library: its first element has no
// dot.
func inStandardLibrary(p string) bool { return !strings.Contains(firstElement(p), ".") }
