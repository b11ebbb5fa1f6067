package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// isOperation reports whether the expression has an operator, which has mutants of its own.
func isOperation(x ast.Expr) bool {
	if u, is := x.(*ast.UnaryExpr); is {
		return u.Op == token.NOT
	}
	_, is := x.(*ast.BinaryExpr)
	return is
}

// caseCondition returns a condition of a switch without a tag with the mutant that never matches.
func (r *rewriter) caseCondition(x ast.Expr) (string, bool) {
	id := r.add(x.Pos(), mutant{kind: kindCase, text: r.text(x)})
	if r.left[id] {
		return "", false
	}
	text, changed := r.expression(x)
	if !changed {
		text = r.children(x)
	}
	return fmt.Sprintf("(!mutant(%d) && (%s))", id, text), true
}

// clause returns a case with a mutant for each of its values, or one for all its types. The body of the
// default replaces that of the case.
func (r *rewriter) clause(n *ast.CaseClause) (string, bool) {
	table, is := r.clauses[n]
	standIn := r.statements(table.defaultBody)
	if !is || endsInFallthrough(n.Body) || standIn == r.statements(n.Body) || callsRecover(n) {
		return "", false
	}
	values := n.List
	if table.tag == "" {
		values = values[:1]
	}
	var chosen []string
	for _, value := range values {
		id := r.add(value.Pos(), mutant{kind: kindCase, text: r.text(value)})
		on := fmt.Sprintf("mutant(%d)", id)
		if table.tag != "" {
			on = table.tag + " == " + operand(value, r.text(value)) + " && " + on
		}
		if !r.left[id] {
			chosen = append(chosen, on)
		}
	}
	if len(chosen) == 0 {
		return "", false
	}
	return fmt.Sprintf("%s: if %s { %s } else { %s }", r.original(n.Pos(), n.Colon), strings.Join(chosen, " || "), standIn, r.inner(n, n.Colon+1, n.End())), true
}

// statements returns the source of statements.
func (r *rewriter) statements(list []ast.Stmt) string {
	if len(list) == 0 {
		return ""
	}
	return r.original(list[0].Pos(), list[len(list)-1].End())
}

// result returns a return with its mutants: no error instead of one, and each boolean negated.
func (r *rewriter) result(n *ast.ReturnStmt) (string, bool) {
	results := r.results[n]
	if results == nil || len(n.Results) == 0 || callsRecover(n) {
		return "", false
	}
	var out strings.Builder
	if len(n.Results) != results.Len() {
		r.forwarded(&out, n, results)
	} else {
		r.listed(&out, n, results)
	}
	if out.Len() == 0 {
		return "", false
	}
	return out.String() + r.children(n), true
}

// listed writes the mutants of a return that lists its values.
func (r *rewriter) listed(out *strings.Builder, n *ast.ReturnStmt, results *types.Tuple) {
	for i, x := range n.Results {
		values := r.each(n.Results)
		k, before := kindBoolean, ""
		switch t := results.At(i).Type(); {
		case isError(t) && !isNil(x):
			if _, is := x.(*ast.CallExpr); is {
				before = "_ = " + values[i] + "; "
			}
			k, values[i] = kindError, "nil"
		case isBoolean(t) && !isOperation(x):
			values[i] = "!(" + values[i] + ")"
		default:
			continue
		}
		r.branch(out, x.Pos(), mutant{kind: k, text: r.text(x)}, before+"return "+strings.Join(values, ", "))
	}
}

// forwarded writes the mutant of a return that passes on all results of a call.
func (r *rewriter) forwarded(out *strings.Builder, n *ast.ReturnStmt, results *types.Tuple) {
	last := results.Len() - 1
	if !isError(results.At(last).Type()) {
		return
	}
	names := make([]string, last)
	for i := range names {
		names[i] = fmt.Sprintf("mutantResult%d", i)
	}
	list := strings.Join(names, ", ")
	r.branch(out, n.Results[0].Pos(), mutant{kind: kindError, text: r.text(n.Results[0])}, fmt.Sprintf("%s, _ := %s; return %s, nil", list, r.text(n.Results[0]), list))
}

// each returns the source of each expression.
func (r *rewriter) each(list []ast.Expr) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = r.text(x)
	}
	return out
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

func isBoolean(t types.Type) bool {
	basic, is := t.Underlying().(*types.Basic)
	return is && basic.Info()&types.IsBoolean != 0
}

func isNil(x ast.Expr) bool {
	name, is := x.(*ast.Ident)
	return is && name.Name == "nil"
}

// call returns a call whose results are not used with the mutant that leaves it out. Log lines, locks
// and panics stay: they have no result that a unit test should need, or the program stops.
func (r *rewriter) call(n *ast.ExprStmt) (string, bool) {
	x, is := n.X.(*ast.CallExpr)
	if !is || callsRecover(n) || r.isKept(x) {
		return "", false
	}
	id := r.add(n.Pos(), mutant{kind: kindCall, text: r.text(n)})
	if r.left[id] {
		return "", false
	}
	return fmt.Sprintf("func() { if mutant(%d) { return }; %s }()", id, r.children(n)), true
}

// isKept reports whether a call is never left out.
func (r *rewriter) isKept(x *ast.CallExpr) bool {
	name, _ := x.Fun.(*ast.Ident)
	if selector, is := x.Fun.(*ast.SelectorExpr); is {
		name = selector.Sel
	}
	if name == nil {
		return false
	}
	object := r.pkg.TypesInfo.Uses[name]
	if object == nil || object.Pkg() == nil {
		return name.Name == "panic"
	}
	return slices.Contains([]string{"sync", "log/slog", "os", "testing"}, object.Pkg().Path())
}
