package arch

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// sharedTypeNames returns the exported type names that several packages may have, each
// with the reason.
func sharedTypeNames() map[string]string {
	const adapter, settings = "an adapter has the name of the port that it implements", "a package has one set of settings"
	return map[string]string{
		"Config": settings, "GatewayConfig": settings, "WebSocketConfig": settings,
		"Forwarder": adapter, "Manager": adapter, "Idempotency": adapter, "Observer": adapter, "Quota": adapter, "RateLimiter": adapter, "Registrations": adapter,
		"Handler": "each transport has a handler of its route",
		"Session": "domain.Session describes a delivery.Session for operators",
	}
}

// ambiguousTypeNames finds exported type names that several packages of the product have
// and that are not shared.
func ambiguousTypeNames(files []source) []finding {
	packages := map[string][]string{}
	for _, s := range files {
		if s.isTest() || s.within("test") || s.generated() {
			continue
		}
		for _, name := range exportedTypes(s.tree) {
			packages[name] = append(packages[name], s.dir())
		}
	}
	shared := sharedTypeNames()
	var out []finding
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if _, allowed := shared[name]; !allowed && len(packages[name]) > 1 {
			out = append(out, finding{packages[name][0], "type " + name + " is also in " + strings.Join(packages[name][1:], ", ")})
		}
	}
	return out
}

// exportedTypes returns the names of the exported types that a file declares.
func exportedTypes(tree *ast.File) (names []string) {
	for _, d := range tree.Decls {
		decl, _ := d.(*ast.GenDecl)
		if decl == nil {
			continue
		}
		for _, spec := range decl.Specs {
			if t, is := spec.(*ast.TypeSpec); is && t.Name.IsExported() {
				names = append(names, t.Name.Name)
			}
		}
	}
	return names
}
