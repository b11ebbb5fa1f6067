package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// surroundings holds what the mutants of a node depend on and the node itself does not tell.
type surroundings struct {
	fixed      map[ast.Node]bool                // must stay as they are: labels of cases, lengths, indexes
	selected   map[ast.Node]bool                // the name behind a package or a value
	conditions map[ast.Node]bool                // of an if or a loop
	cases      map[ast.Node]bool                // conditions of a switch without a tag
	entries    map[ast.Node]bool                // strings of a list, and keys of a map
	flags      map[ast.Node]bool                // values in a composite literal
	clauses    map[*ast.CaseClause]switchTable  // of a switch with a tag or on a type
	results    map[*ast.ReturnStmt]*types.Tuple // of the function
	constants  []namedConstant                  // that the file uses, in order
}

// switchTable is a switch with a tag, or on a type.
type switchTable struct {
	tag         string // empty if it may have an effect, or is a type
	defaultBody []ast.Stmt
}

// look collects the surroundings of all nodes of the file.
func (r *rewriter) look() {
	r.surroundings = surroundings{
		fixed: map[ast.Node]bool{}, selected: map[ast.Node]bool{}, conditions: map[ast.Node]bool{}, cases: map[ast.Node]bool{}, entries: map[ast.Node]bool{},
		flags: map[ast.Node]bool{}, clauses: map[*ast.CaseClause]switchTable{}, results: map[*ast.ReturnStmt]*types.Tuple{},
	}
	ast.PreorderStack(r.file, nil, func(n ast.Node, stack []ast.Node) bool {
		if isConstant(n) {
			return false
		}
		r.lookAt(n, stack)
		return true
	})
}

func (r *rewriter) lookAt(n ast.Node, stack []ast.Node) {
	switch n := n.(type) {
	case *ast.IfStmt:
		r.conditions[n.Cond] = true
	case *ast.ForStmt:
		r.conditions[n.Cond] = true
	case *ast.SwitchStmt:
		r.lookAtSwitch(n)
	case *ast.TypeSwitchStmt:
		r.lookAtClauses(n.Body, "")
	case *ast.ArrayType:
		r.fixed[n.Len] = true
	case *ast.CompositeLit:
		r.lookAtLiteral(n)
	case *ast.ReturnStmt:
		r.results[n] = r.resultsOf(stack)
	case *ast.SelectorExpr:
		r.selected[n.Sel] = true
		r.addConstant(n)
	case *ast.Ident:
		r.addConstant(n)
	}
}

func (r *rewriter) lookAtSwitch(n *ast.SwitchStmt) {
	if n.Tag != nil {
		tag := ""
		if isPath(n.Tag) {
			tag = r.text(n.Tag)
		}
		r.lookAtClauses(n.Body, tag)
		return
	}
	for _, s := range n.Body.List {
		for _, condition := range s.(*ast.CaseClause).List {
			r.cases[condition] = true
		}
	}
}

// lookAtClauses records the cases of a switch that are values or types.
func (r *rewriter) lookAtClauses(body *ast.BlockStmt, tag string) {
	table := switchTable{tag: tag}
	for _, s := range body.List {
		if c := s.(*ast.CaseClause); c.List == nil {
			table.defaultBody = c.Body
		}
	}
	for _, s := range body.List {
		c := s.(*ast.CaseClause)
		for _, label := range c.List {
			r.fixed[label] = true
		}
		if c.List != nil {
			r.clauses[c] = table
		}
	}
}

// isPath reports whether the expression is a variable or a field of one, which can be read twice.
func isPath(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return isPath(x.X)
	default:
		return false
	}
}

// lookAtLiteral records the keys of a map, the strings of a list and the values of fields.
func (r *rewriter) lookAtLiteral(n *ast.CompositeLit) {
	_, isMap := r.pkg.TypesInfo.TypeOf(n).Underlying().(*types.Map)
	_, isStruct := r.pkg.TypesInfo.TypeOf(n).Underlying().(*types.Struct)
	for _, element := range n.Elts {
		pair, is := element.(*ast.KeyValueExpr)
		switch {
		case !is:
			r.entries[element], r.flags[element] = !isStruct, true
		case isMap:
			r.entries[pair.Key], r.flags[pair.Value] = true, true
		default:
			r.fixed[pair.Key], r.flags[pair.Value] = true, true
			r.entries[pair.Value] = !isStruct
		}
	}
}

// resultsOf returns the results of the innermost function around a statement.
func (r *rewriter) resultsOf(stack []ast.Node) *types.Tuple {
	for _, s := range slices.Backward(stack) {
		switch f := s.(type) {
		case *ast.FuncLit:
			return r.pkg.TypesInfo.TypeOf(f).(*types.Signature).Results()
		case *ast.FuncDecl:
			return r.pkg.TypesInfo.Defs[f.Name].Type().(*types.Signature).Results()
		}
	}
	return nil
}

// endsInFallthrough reports whether a case goes on in the next one.
func endsInFallthrough(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	b, is := body[len(body)-1].(*ast.BranchStmt)
	return is && b.Tok == token.FALLTHROUGH
}
