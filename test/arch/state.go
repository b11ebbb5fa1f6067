package arch

import (
	"go/ast"
	"go/token"
	"strings"
)

// noPackageState finds package variables. It allows sentinel errors, embedded files,
// interface assertions, provider sets of Wire and, in tests, sync.OnceValue.
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
			if ok && !embedded(g.Doc) && !embedded(v.Doc) && !s.immutable(v) {
				out = append(out, s.found(v, "package variable "+v.Names[0].Name))
			}
		}
	}
	return out
}

// embedded reports whether a comment contains a go:embed directive.
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

// immutable reports whether all names of a variable declaration are constant.
func (s source) immutable(v *ast.ValueSpec) bool {
	for i, name := range v.Names {
		if name.Name == "_" {
			continue
		}
		if i >= len(v.Values) {
			return false
		}
		call, ok := v.Values[i].(*ast.CallExpr)
		if !ok || !s.immutableValue(name.Name, s.callee(call)) {
			return false
		}
	}
	return true
}

// immutableValue reports whether the function creates a constant value for that name.
func (s source) immutableValue(name, function string) bool {
	switch function {
	case "errors.New", "fmt.Errorf":
		return strings.HasPrefix(strings.ToLower(name), "err")
	case wireModule + ".NewSet":
		return true
	case "sync.OnceValue", "sync.OnceValues":
		return s.isTest() || s.within("test")
	default:
		return false
	}
}
