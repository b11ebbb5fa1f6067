package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/tools/go/packages"
)

// mutant is one change of one expression or statement.
type mutant struct {
	id       int
	position token.Position // of the operator
	change   string         // for the report, such as "< to <="
	text     string         // what replaces the node
}

// finder finds the mutants of a package and rewrites its files.
type finder struct {
	pkg  *packages.Package
	next int // id of the next mutant; 0 means no mutant
	all  []mutant
}

// binaryChanges returns the operators that replace an operator.
func binaryChanges(op token.Token) []token.Token {
	return map[token.Token][]token.Token{
		token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
		token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
		token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
		token.LAND: {token.LOR}, token.LOR: {token.LAND},
		token.ADD: {token.SUB}, token.SUB: {token.ADD},
		token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	}[op]
}

// statementChanges returns the operator that replaces that of a statement.
func statementChanges(op token.Token) token.Token {
	return map[token.Token]token.Token{
		token.INC: token.DEC, token.DEC: token.INC, token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
	}[op]
}

// add records a mutant and returns its id.
func (f *finder) add(at token.Pos, change, text string) int {
	f.next++
	position := f.pkg.Fset.Position(at)
	position.Filename = filepath.Base(position.Filename)
	f.all = append(f.all, mutant{id: f.next, position: position, change: change, text: text})
	return f.next
}

// typeName returns the type of an expression as the file spells it. It returns false for a
// constant and for a type that the file cannot name.
func (f *finder) typeName(file *ast.File, x ast.Expr) (string, bool) {
	found := f.pkg.TypesInfo.Types[x]
	if found.Value != nil || found.Type == nil {
		return "", false
	}
	basic, is := found.Type.(*types.Basic)
	switch {
	case is && basic.Kind() == types.UntypedBool:
		return "bool", true
	case is && basic.Info()&types.IsUntyped != 0:
		return "", false
	}
	known := true
	name := types.TypeString(found.Type, func(p *types.Package) string {
		if p == f.pkg.Types {
			return ""
		}
		spelled := importName(file, p)
		known = known && spelled != ""
		return spelled
	})
	return name, known
}

// importName returns the name by which the file imports the package; empty if it does not.
func importName(file *ast.File, p *types.Package) string {
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err != nil || path != p.Path() {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return p.Name()
	}
	return ""
}

// isNumber reports whether arithmetic on the expression is on numbers, not on strings.
func (f *finder) isNumber(x ast.Expr) bool {
	t := f.pkg.TypesInfo.TypeOf(x)
	if t == nil {
		return false
	}
	basic, is := t.Underlying().(*types.Basic)
	return is && basic.Info()&types.IsNumeric != 0
}

// isArithmetic reports whether the operator computes a number or joins strings.
func isArithmetic(op token.Token) bool {
	return slices.Contains([]token.Token{token.ADD, token.SUB, token.MUL, token.QUO, token.REM}, op)
}
