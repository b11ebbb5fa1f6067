package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// switchCode is added to the mutated package. It records which mutants the tests reach, each once,
// so that a test of allocations still passes.
const switchCode = `
import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutantOn, _    = strconv.Atoi(os.Getenv("EDGE_MUTANT"))
	mutantsReached = os.Getenv("EDGE_MUTANTS_REACHED")
	mutantsSeen    [1 << 14]atomic.Bool
)

func mutant(id int) bool {
	if mutantsReached != "" && !mutantsSeen[id].Swap(true) {
		if file, err := os.OpenFile(mutantsReached+"/"+strconv.Itoa(id), os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			_ = file.Close()
		}
	}
	return mutantOn == id
}
`

// rewriter writes a file with all mutants behind switches.
type rewriter struct {
	*finder
	surroundings
	file   *ast.File
	source []byte
}

// rewrite returns the file with its mutants.
func (f *finder) rewrite(file *ast.File, source []byte) string {
	r := rewriter{finder: f, file: file, source: source}
	r.look()
	return r.inner(file, file.FileStart, file.FileEnd)
}

func (r *rewriter) offset(p token.Pos) int { return r.pkg.Fset.Position(p).Offset }

// original returns the source between two positions.
func (r *rewriter) original(from, to token.Pos) string {
	return string(r.source[r.offset(from):r.offset(to)])
}

func (r *rewriter) text(n ast.Node) string { return r.original(n.Pos(), n.End()) }

// inner returns the source between two positions with the mutants of the node's children.
func (r *rewriter) inner(n ast.Node, from, to token.Pos) string {
	var out strings.Builder
	at := from
	ast.Inspect(n, func(child ast.Node) bool {
		if child == nil || child == n {
			return true
		}
		if child.End() <= from {
			return false
		}
		text, changed := r.node(child)
		if !changed {
			return !isConstant(child)
		}
		out.WriteString(r.original(at, child.Pos()))
		out.WriteString(text)
		at = child.End()
		return false
	})
	out.WriteString(r.original(at, to))
	return out.String()
}

// isConstant reports whether the node declares constants or imports, which cannot call functions.
func isConstant(n ast.Node) bool {
	d, is := n.(*ast.GenDecl)
	return is && d.Tok != token.VAR
}

// children returns the source of the node with the mutants of its children.
func (r *rewriter) children(n ast.Node) string { return r.inner(n, n.Pos(), n.End()) }

// callsRecover reports whether the node calls recover, which works only in the deferred function
// itself and not in a function that replaces an expression.
func callsRecover(n ast.Node) (found bool) {
	ast.Inspect(n, func(child ast.Node) bool {
		call, is := child.(*ast.CallExpr)
		if is {
			name, is := call.Fun.(*ast.Ident)
			found = found || is && name.Name == "recover"
		}
		return !found
	})
	return found
}

// node returns the source of the node with its own mutants and those of its children. It returns
// false if it has none of its own.
func (r *rewriter) node(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case ast.Expr:
		return r.inPlace(n)
	case *ast.CaseClause:
		return r.clause(n)
	case *ast.ReturnStmt:
		return r.result(n)
	case *ast.ExprStmt:
		return r.call(n)
	case *ast.IncDecStmt:
		changed := statementChanges(n.Tok)
		return r.statement(n, n.TokPos, n.Tok, changed, r.text(n.X)+changed.String())
	case *ast.AssignStmt:
		changed := statementChanges(n.Tok)
		if changed == token.ILLEGAL || !r.isNumber(n.Lhs[0]) {
			return "", false
		}
		return r.statement(n, n.TokPos, n.Tok, changed, r.text(n.Lhs[0])+" "+changed.String()+" "+r.text(n.Rhs[0]))
	default:
		return "", false
	}
}

// inPlace returns an expression with the mutants that its place gives it, and its own.
func (r *rewriter) inPlace(x ast.Expr) (text string, changed bool) {
	if callsRecover(x) || r.fixed[x] {
		return "", false
	}
	switch {
	case r.cases[x]:
		return r.caseCondition(x)
	case r.conditions[x] && !isOperation(x):
		name, known := r.spell(r.file, r.pkg.TypesInfo.TypeOf(x))
		if !known {
			name = "bool"
		}
		return r.choice(x, name, mutant{kind: kindBoolean, text: r.text(x)}, "!("+r.text(x)+")")
	}
	if r.entries[x] {
		text, changed = r.entry(x)
	}
	if !changed && r.flags[x] {
		text, changed = r.flag(x)
	}
	if changed {
		return text, true
	}
	return r.expression(x)
}

// expression returns an expression with its own mutants.
func (r *rewriter) expression(x ast.Expr) (string, bool) {
	switch n := x.(type) {
	case *ast.BinaryExpr:
		return r.binary(n)
	case *ast.UnaryExpr:
		return r.unary(n)
	case *ast.Ident, *ast.SelectorExpr:
		return r.constant(x)
	default:
		return "", false
	}
}

func (r *rewriter) binary(n *ast.BinaryExpr) (string, bool) {
	changes := binaryChanges(n.Op)
	name, known := r.typeName(r.file, n)
	if len(changes) == 0 || !known || isArithmetic(n.Op) && !r.isNumber(n) {
		return "", false
	}
	var out strings.Builder
	for _, op := range changes {
		text := operand(n.X, r.text(n.X)) + " " + op.String() + " " + operand(n.Y, r.text(n.Y))
		r.branch(&out, n.OpPos, mutant{kind: kindOf(n.Op), change: n.Op.String() + " to " + op.String(), text: text}, "return "+text)
	}
	return r.function(&out, name, n)
}

// operand puts an operand that has an operator into parentheses.
func operand(x ast.Expr, text string) string {
	if _, is := x.(*ast.BinaryExpr); is {
		return "(" + text + ")"
	}
	return text
}

// unary removes a "!" or a minus sign.
func (r *rewriter) unary(n *ast.UnaryExpr) (string, bool) {
	name, known := r.typeName(r.file, n)
	if n.Op != token.NOT && n.Op != token.SUB || !known {
		return "", false
	}
	var out strings.Builder
	r.branch(&out, n.OpPos, mutant{kind: kindOf(n.Op), change: n.Op.String() + " removed", text: r.text(n.X)}, "return "+r.text(n.X))
	return r.function(&out, name, n)
}

// choice returns an expression with the mutant that is another expression of the same type.
func (r *rewriter) choice(x ast.Expr, typeName string, m mutant, other string) (string, bool) {
	var out strings.Builder
	r.branch(&out, x.Pos(), m, "return "+other)
	return r.function(&out, typeName, x)
}

// function returns an expression behind the switches of its mutants. It returns false if none of
// them compiles.
func (r *rewriter) function(branches *strings.Builder, typeName string, x ast.Expr) (string, bool) {
	if branches.Len() == 0 {
		return "", false
	}
	return fmt.Sprintf("(func() %s { %sreturn %s }())", typeName, branches, r.children(x)), true
}

// statement returns the statement with the mutant that has another operator. It is a call, so that
// it may follow the condition of a loop.
func (r *rewriter) statement(n ast.Stmt, at token.Pos, from, to token.Token, text string) (string, bool) {
	var out strings.Builder
	r.branch(&out, at, mutant{kind: kindArithmetic, change: from.String() + " to " + to.String(), text: text}, text+"; return")
	if out.Len() == 0 {
		return "", false
	}
	return fmt.Sprintf("func() { %s%s }()", &out, r.children(n)), true
}

// branch writes the switch of a mutant, unless the mutant does not compile.
func (r *rewriter) branch(out *strings.Builder, at token.Pos, m mutant, body string) {
	if id := r.add(at, m); !r.left[id] {
		fmt.Fprintf(out, "if mutant(%d) { %s }; ", id, body)
	}
}
