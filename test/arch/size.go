package arch

import (
	"fmt"
	"go/ast"
)

const (
	maxFunctionLines = 60
	maxPortMethods   = 5
)

// functionLength counts the lines of declared functions without data tables. A function
// literal counts for the enclosing function, except in a table.
func functionLength(s source) []finding {
	if s.generated() {
		return nil
	}
	var out []finding
	for _, d := range s.tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		if n := s.lines(f) - s.tableLines(f.Body); n > maxFunctionLines {
			out = append(out, s.found(f, fmt.Sprintf("%s has %d lines, at most %d", f.Name.Name, n, maxFunctionLines)))
		}
	}
	return out
}

// tableLines returns the number of lines of composite literals without function literals.
func (s source) tableLines(body ast.Node) int {
	total := 0
	ast.Inspect(body, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if hasCode(literal) {
			return true
		}
		total += s.lines(literal) - 1
		return false
	})
	return total
}

func hasCode(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		_, isFunc := n.(*ast.FuncLit)
		found = found || isFunc
		return !found
	})
	return found
}

func portSize(s source) []finding {
	if !s.within("ports") {
		return nil
	}
	var out []finding
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if i, ok := n.(*ast.InterfaceType); ok && i.Methods.NumFields() > maxPortMethods {
			out = append(out, s.found(i, fmt.Sprintf("%d methods, at most %d", i.Methods.NumFields(), maxPortMethods)))
		}
		return true
	})
	return out
}
