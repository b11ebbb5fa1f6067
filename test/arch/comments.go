package arch

import (
	"go/ast"
	"go/token"
	"strings"
)

// comments finds exported names without a comment: functions, methods, types, constants,
// variables (a comment on the group is sufficient), interface methods, and configuration
// fields.
func comments(s source) []finding {
	if s.isTest() || s.generated() {
		return nil
	}
	var out []finding
	for _, d := range s.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && exportedFunc(d) {
				out = append(out, s.found(d, d.Name.Name+" has no comment"))
			}
		case *ast.GenDecl:
			out = append(out, s.uncommented(d)...)
		}
	}
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

func (s source) uncommented(d *ast.GenDecl) []finding {
	var out []finding
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if !spec.Name.IsExported() {
				continue
			}
			if spec.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				out = append(out, s.found(spec, spec.Name.Name+" has no comment"))
			}
			out = append(out, s.uncommentedMembers(spec)...)
		case *ast.ValueSpec:
			if d.Tok != token.IMPORT && anyExported(spec.Names) && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
				out = append(out, s.found(spec, spec.Names[0].Name+" has no comment"))
			}
		}
	}
	return out
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

func anyExported(names []*ast.Ident) bool {
	for _, n := range names {
		if n.IsExported() {
			return true
		}
	}
	return false
}
