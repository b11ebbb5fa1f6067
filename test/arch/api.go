package arch

import (
	"go/ast"
	"strings"
)

// tracerProvider is the one library type that adapters take: the standard way
// to ask for spans.
const tracerProvider = "go.opentelemetry.io/otel/trace"

// ownTypes looks at what an adapter shows: the signatures of exported functions
// and methods, exported fields and embedded types of exported structs, and the
// types behind exported names.
func ownTypes(s source) []finding {
	if !s.within("adapters") || s.isTest() {
		return nil
	}
	var out []finding
	report := func(n ast.Node) { out = append(out, s.foreign(n)...) }
	for _, d := range s.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if exportedFunc(d) {
				report(d.Type)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				eachShown(spec, report)
			}
		}
	}
	return out
}

// eachShown visits the types that a declaration shows.
func eachShown(spec ast.Spec, visit func(ast.Node)) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		if anyExported(spec.Names) && spec.Type != nil {
			visit(spec.Type)
		}
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return
		}
		if spec.TypeParams != nil {
			visit(spec.TypeParams)
		}
		t, isStruct := spec.Type.(*ast.StructType)
		if !isStruct {
			visit(spec.Type)
			return
		}
		for _, f := range t.Fields.List {
			if len(f.Names) == 0 || anyExported(f.Names) {
				visit(f.Type)
			}
		}
	}
}

// foreign finds the types of libraries in an expression.
func (s source) foreign(n ast.Node) []finding {
	var out []finding
	ast.Inspect(n, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		p, imported := s.imports[x.Name]
		switch {
		case !imported:
			out = append(out, s.found(sel, "type "+x.Name+"."+sel.Sel.Name+" of a package that the rule cannot name: import it under that name"))
		case !standard(p) && p != tracerProvider && !strings.HasPrefix(p, module):
			out = append(out, s.found(sel, "type of "+p))
		}
		return false
	})
	return out
}
