package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// journeyStep is a line of the README: a function in a file, indented below its caller.
type journeyStep struct {
	indent         int
	file, function string
}

// TestJourneysAreCalls checks that each function that the README's journeys list exists in
// its file, and that the file of the step above uses a function of this name.
func TestJourneysAreCalls(t *testing.T) {
	t.Parallel()
	steps := journeySteps(t)
	require.Greater(t, len(steps), 20)
	var above []journeyStep
	for _, s := range steps {
		require.True(t, declares(t, s.file, s.function), "%s has no function %s", s.file, s.function)
		for len(above) > 0 && above[len(above)-1].indent >= s.indent {
			above = above[:len(above)-1]
		}
		if len(above) > 0 {
			caller := above[len(above)-1]
			require.True(t, uses(t, caller.file, s.function), "%s does not use %s of %s", caller.file, s.function, s.file)
		}
		above = append(above, s)
	}
}

func TestJourneyChecksFail(t *testing.T) {
	t.Parallel()
	require.False(t, declares(t, "app/pipelines.go", "NoSuchFunction"))
	require.False(t, uses(t, "app/pipelines.go", "Start"), "a declaration is no use")
}

func journeySteps(t *testing.T) []journeyStep {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, journeys, found := strings.Cut(string(text), "\n## Three journeys\n")
	require.True(t, found)
	journeys, _, _ = strings.Cut(journeys, "\n## ")
	line := regexp.MustCompile("(?m)^( *)- `([^`]+\\.go)` `([^`]+)`")
	var steps []journeyStep
	for _, m := range line.FindAllStringSubmatch(journeys, -1) {
		steps = append(steps, journeyStep{indent: len(m[1]), file: m[2], function: m[3]})
	}
	return steps
}

// declares reports whether the file declares a function or method of the name.
func declares(t *testing.T, file, name string) bool {
	t.Helper()
	for _, d := range parseFile(t, file).Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
			return true
		}
	}
	return false
}

// uses reports whether the body of a function of the file contains the name.
func uses(t *testing.T, file, name string) (found bool) {
	t.Helper()
	for _, d := range parseFile(t, file).Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == name {
				found = true
			}
			return !found
		})
	}
	return found
}

func parseFile(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", file), nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	return parsed
}
