package arch

import (
	"go/ast"
	"path"
	"regexp"
	"strings"
)

func fileNames(s source) []finding {
	name := path.Base(s.path)
	if s.generated() || regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*\.go$`).MatchString(name) {
		return nil
	}
	return []finding{{s.path, "file name " + name}}
}

// typeNames finds names such as IReader, ReaderImpl and GetThing.
func typeNames(s source) []finding {
	if s.generated() {
		return nil
	}
	interfaceName, getter := regexp.MustCompile(`^I[A-Z][a-z]`), regexp.MustCompile(`^Get[A-Z]`)
	var out []finding
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			_, isInterface := n.Type.(*ast.InterfaceType)
			if strings.HasSuffix(n.Name.Name, "Impl") || isInterface && interfaceName.MatchString(n.Name.Name) {
				out = append(out, s.found(n, "type "+n.Name.Name))
			}
		case *ast.FuncDecl:
			if getter.MatchString(n.Name.Name) {
				out = append(out, s.found(n, "function "+n.Name.Name))
			}
		}
		return true
	})
	return out
}
