package arch

import (
	"go/ast"
	"slices"
)

// handlerValues finds uses of gin's context, a response writer or its controller after the
// handler may have returned: in code that runs on another goroutine and in struct fields.
func handlerValues(s source) []finding {
	if s.isTest() || !s.within("adapters/httpserver") {
		return nil
	}
	var out []finding
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			out = append(out, s.keptFields(n)...)
		case *ast.FuncDecl:
			if n.Body != nil {
				out = append(out, s.captured(n.Body, s.handlerNames(n))...)
			}
			return true
		}
		return true
	})
	return out
}

// handlerTypes returns the types that may hold a handler's values, because they end before
// their handler: the owner of a body waits for everything that uses it, and an exchange with a
// service runs only on the handler's goroutine.
func handlerTypes() []string {
	return []string{
		"adapters/httpserver/requestbody.Body", "adapters/httpserver/requestbody.bodyWriter",
		"adapters/httpserver/proxy.exchange",
	}
}

// keptFields finds struct fields that hold a handler's values.
func (s source) keptFields(t *ast.TypeSpec) []finding {
	object, ok := t.Type.(*ast.StructType)
	if !ok || slices.Contains(handlerTypes(), s.dir()+"."+t.Name.Name) {
		return nil
	}
	var out []finding
	for _, f := range object.Fields.List {
		if s.isHandlerType(f.Type) {
			out = append(out, s.found(f, t.Name.Name+" holds a value of a handler"))
		}
	}
	return out
}

// handlerNames returns the parameters and variables that hold a handler's values, in a
// function and in the functions nested in it.
func (s source) handlerNames(f *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if s.isHandlerType(n.Type) {
				for _, name := range n.Names {
					names[name.Name] = true
				}
			}
		case *ast.AssignStmt:
			for i, value := range n.Rhs {
				if name, ok := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.Ident); ok && s.makesController(value) {
					names[name.Name] = true
				}
			}
		}
		return true
	})
	return names
}

func (s source) makesController(value ast.Expr) bool {
	call, ok := value.(*ast.CallExpr)
	return ok && s.callee(call) == "net/http.NewResponseController"
}

// isHandlerType reports whether a type expression names one of the handler types.
func (s source) isHandlerType(t ast.Expr) bool {
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	sel, ok := t.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return false
	}
	switch s.imports[x.Name] + "." + sel.Sel.Name {
	case "github.com/gin-gonic/gin.Context", "github.com/gin-gonic/gin.ResponseWriter",
		"net/http.ResponseWriter", "net/http.ResponseController":
		return true
	default:
		return false
	}
}

// captured finds uses of the names in code that runs on another goroutine.
func (s source) captured(body *ast.BlockStmt, names map[string]bool) []finding {
	var out []finding
	search := func(concurrent ast.Node) {
		ast.Inspect(concurrent, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok && names[name.Name] {
				out = append(out, s.found(name, name.Name+" may outlive its handler"))
			}
			return true
		})
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			search(n.Call)
			return false
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "AfterFunc" || sel.Sel.Name == "Go") {
				for _, argument := range n.Args {
					search(argument)
				}
			}
		}
		return true
	})
	return out
}
