package arch

import (
	"go/ast"
	"strings"
)

// tracerProvider is the package of the one library type that adapters may accept: the
// OpenTelemetry tracer provider.
const tracerProvider = "go.opentelemetry.io/otel/trace"

// ownTypes finds library types in the exported API of an adapter: in signatures of
// functions and methods, exported fields, embedded types, and type definitions.
func ownTypes(s source) []finding {
	if !s.within("adapters") || s.isTest() {
		return nil
	}
	var out []finding
	report := func(n ast.Node) { out = append(out, s.libraryTypes(n)...) }
	for _, d := range s.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if exportedFunc(d) {
				report(d.Type)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				eachExportedType(spec, report)
			}
		}
	}
	return out
}

// eachExportedType calls visit for each type that an exported declaration shows.
func eachExportedType(spec ast.Spec, visit func(ast.Node)) {
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

// libraryTypes finds library types in an expression.
func (s source) libraryTypes(n ast.Node) []finding {
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
			out = append(out, s.found(sel, "type "+x.Name+"."+sel.Sel.Name+" of an unknown package: import it with that name"))
		case !inStandardLibrary(p) && p != tracerProvider && !strings.HasPrefix(p, module):
			out = append(out, s.found(sel, "type of "+p))
		}
		return false
	})
	return out
}
