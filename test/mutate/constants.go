package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"slices"
	"strings"
)

// namedConstant is a constant that a file uses, as the file writes it.
type namedConstant struct {
	object *types.Const
	text   string
}

// constantOf returns the constant that the expression names, if it belongs to a table: it has a
// type of its own, such as an error code, or is an HTTP status. A duration does not.
func (r *rewriter) constantOf(x ast.Expr) (*types.Const, bool) {
	name, is := x.(*ast.Ident)
	if selector, qualified := x.(*ast.SelectorExpr); qualified {
		name, is = selector.Sel, true
	}
	if !is {
		return nil, false
	}
	c, is := r.pkg.TypesInfo.Uses[name].(*types.Const)
	if !is || c.Pkg() == nil {
		return nil, false
	}
	switch t := c.Type().(type) {
	case *types.Named:
		return c, t.Obj().Pkg().Path() != "time"
	default:
		return c, isHTTPStatus(c)
	}
}

func isHTTPStatus(c *types.Const) bool {
	return c.Pkg().Path() == "net/http" && strings.HasPrefix(c.Name(), "Status")
}

// addConstant records the use of a named constant.
func (r *rewriter) addConstant(x ast.Expr) {
	if c, is := r.constantOf(x); is && !r.selected[x] {
		r.constants = append(r.constants, namedConstant{c, r.text(x)})
	}
}

// other returns another constant of the same table: the next one that the file uses, else one of the
// package that declares it. It is empty if there is none.
func (r *rewriter) other(c *types.Const, text string) string {
	at := slices.IndexFunc(r.constants, func(n namedConstant) bool { return n.object == c })
	for i := range r.constants {
		next := r.constants[(at+1+i)%len(r.constants)]
		if isSameTable(c, next.object) {
			return next.text
		}
	}
	scope := c.Pkg().Scope()
	for _, name := range scope.Names() {
		next, is := scope.Lookup(name).(*types.Const)
		if is && isSameTable(c, next) && (next.Exported() || c.Pkg() == r.pkg.Types) {
			return text[:strings.LastIndex(text, ".")+1] + name
		}
	}
	return ""
}

// isSameTable reports whether b can replace a and has another value.
func isSameTable(a, b *types.Const) bool {
	return types.Identical(a.Type(), b.Type()) && isHTTPStatus(a) == isHTTPStatus(b) && a.Val().ExactString() != b.Val().ExactString()
}

// constant returns the expression with the mutant that names another constant.
func (r *rewriter) constant(x ast.Expr) (string, bool) {
	c, is := r.constantOf(x)
	if !is || r.fixed[x] || r.selected[x] {
		return "", false
	}
	t := r.pkg.TypesInfo.Types[x].Type
	name, known := r.spell(r.file, t)
	other := r.other(c, r.text(x))
	if !known || other == "" {
		return "", false
	}
	return r.choice(x, name, mutant{kind: kindConstant, change: r.text(x) + " to " + other}, other)
}

// entry removes a string from a list or a map: it becomes one that does not occur.
func (r *rewriter) entry(x ast.Expr) (string, bool) {
	found := r.pkg.TypesInfo.Types[x]
	if found.Value == nil || found.Value.Kind() != constant.String {
		return "", false
	}
	name, known := r.spell(r.file, found.Type)
	if !known {
		return "", false
	}
	return r.choice(x, name, mutant{kind: kindEntry, text: r.text(x)}, fmt.Sprintf("%q", "\x00"))
}

// flag negates true or false in a composite literal.
func (r *rewriter) flag(x ast.Expr) (string, bool) {
	found := r.pkg.TypesInfo.Types[x]
	if found.Value == nil || found.Value.Kind() != constant.Bool {
		return "", false
	}
	return r.choice(x, "bool", mutant{kind: kindBoolean, text: r.text(x)}, "!"+r.text(x))
}
