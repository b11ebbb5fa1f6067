package arch

import (
	"go/ast"
	"slices"
	"strings"
)

// comments finds methods of interfaces and fields of configuration structs without a comment. The
// linter revive checks the other exported names.
func comments(s source) []finding {
	if s.isTest() || s.generated() {
		return nil
	}
	var out []finding
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() {
			out = append(out, s.uncommentedMembers(spec)...)
		}
		return true
	})
	return out
}

// exportedFunc reports whether other packages can call a function or method.
func exportedFunc(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return f.Name.IsExported()
	}
	return f.Name.IsExported() && ast.IsExported(receiver(f))
}

// receiver returns the name of a method's receiver type.
func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// uncommentedMembers checks interface methods and the fields of configuration structs.
func (s source) uncommentedMembers(spec *ast.TypeSpec) []finding {
	var members *ast.FieldList
	switch t := spec.Type.(type) {
	case *ast.InterfaceType:
		members = t.Methods
	case *ast.StructType:
		if strings.HasSuffix(spec.Name.Name, "Config") {
			members = t.Fields
		}
	}
	if members == nil {
		return nil
	}
	var out []finding
	for _, m := range members.List {
		if anyExported(m.Names) && m.Doc == nil && m.Comment == nil && !nestedConfig(spec, m) {
			out = append(out, s.found(m, spec.Name.Name+"."+m.Names[0].Name+" has no comment"))
		}
	}
	return out
}

// nestedConfig reports whether a configuration field is a nested configuration struct, whose
// fields have their own comments.
func nestedConfig(spec *ast.TypeSpec, field *ast.Field) bool {
	_, isStruct := spec.Type.(*ast.StructType)
	return isStruct && (field.Tag == nil || !strings.Contains(field.Tag.Value, "env:\""))
}

func anyExported(names []*ast.Ident) bool { return slices.ContainsFunc(names, (*ast.Ident).IsExported) }
