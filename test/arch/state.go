package arch

import (
	"go/ast"
	"go/token"
	"strings"
)

func noInit(s source) []finding {
	var out []finding
	for _, d := range s.tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			out = append(out, s.found(f, "init function"))
		}
	}
	return out
}

// noPackageState lets through what nobody changes: sentinel errors, embedded
// files, assertions that a type fits an interface, Wire's sets and, in tests,
// what is costly and made once.
func noPackageState(s source) []finding {
	if s.generated() {
		return nil
	}
	var out []finding
	for _, d := range s.tree.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if ok && !embedded(g.Doc) && !embedded(v.Doc) && !s.constant(v) {
				out = append(out, s.found(v, "package variable "+v.Names[0].Name))
			}
		}
	}
	return out
}

// embedded reports whether a comment asks for an embedded file.
func embedded(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//go:embed ") {
			return true
		}
	}
	return false
}

// constant reports whether every name of a variable is one that nobody changes.
func (s source) constant(v *ast.ValueSpec) bool {
	for i, name := range v.Names {
		if name.Name == "_" {
			continue
		}
		if i >= len(v.Values) {
			return false
		}
		call, ok := v.Values[i].(*ast.CallExpr)
		if !ok || !s.constructed(name.Name, s.called(call)) {
			return false
		}
	}
	return true
}

// constructed reports whether a function makes a constant of that name.
func (s source) constructed(name, function string) bool {
	switch function {
	case "errors.New", "fmt.Errorf":
		return strings.HasPrefix(strings.ToLower(name), "err")
	case wireModule + ".NewSet":
		return true
	case "sync.OnceValue", "sync.OnceValues":
		return s.isTest()
	default:
		return false
	}
}
