package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// kind is the sort of change.
type kind string

const (
	kindComparison kind = "comparison"
	kindLogic      kind = "and, or, not"
	kindArithmetic kind = "arithmetic"
	kindBoolean    kind = "boolean negated"
	kindCase       kind = "case removed"
	kindConstant   kind = "other constant"
	kindEntry      kind = "entry removed"
	kindError      kind = "error dropped"
	kindCall       kind = "call removed"
)

// mutant is one change of one expression or statement.
type mutant struct {
	id       int
	position token.Position // of the operator, or of the node
	kind     kind
	change   string // such as "< to <="; empty if the kind tells it
	text     string // what replaces the node, or what is removed
}

// String returns the position and the change, on one line.
func (m mutant) String() string {
	out := fmt.Sprintf("%d:%d: %s", m.position.Line, m.position.Column, m.kind)
	if m.change != "" {
		out += ": " + m.change
	}
	if m.text != "" {
		out += " (" + strings.Join(strings.Fields(m.text), " ") + ")"
	}
	return out
}

// finder finds the mutants of a package and rewrites its files.
type finder struct {
	pkg  *packages.Package
	all  []mutant     // each at the index before its id; 0 means no mutant
	left map[int]bool // the mutants that do not compile, which are left out
}

// kindOf returns the kind of a change of an operator.
func kindOf(op token.Token) kind {
	switch op {
	case token.LAND, token.LOR, token.NOT:
		return kindLogic
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		return kindComparison
	default:
		return kindArithmetic
	}
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
func (f *finder) add(at token.Pos, m mutant) int {
	m.id = len(f.all) + 1
	m.position = f.pkg.Fset.Position(at)
	m.position.Filename = filepath.Base(m.position.Filename)
	f.all = append(f.all, m)
	return m.id
}

// typeName returns the type of an expression as the file spells it. It returns false for a
// constant and for a type that the file cannot name.
func (f *finder) typeName(file *ast.File, x ast.Expr) (string, bool) {
	found := f.pkg.TypesInfo.Types[x]
	if found.Value != nil || found.Type == nil {
		return "", false
	}
	return f.spell(file, found.Type)
}

// spell returns the type as the file spells it. It returns false for a type that the file cannot name.
func (f *finder) spell(file *ast.File, t types.Type) (string, bool) {
	basic, is := t.(*types.Basic)
	switch {
	case is && basic.Kind() == types.UntypedBool:
		return "bool", true
	case is && basic.Kind() == types.UntypedString:
		return "string", true
	case is && basic.Info()&types.IsUntyped != 0:
		return "", false
	}
	known := true
	name := types.TypeString(t, func(p *types.Package) string {
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
