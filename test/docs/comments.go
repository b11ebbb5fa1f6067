package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// module is the import path of the module.
const module = "github.com/huleedu/edge"

// errNoComment reports a setting without a comment.
var errNoComment = errors.New("has no comment")

// comments reads the comments of struct fields, which reflection does not provide.
// It parses each package once.
type comments struct {
	root     string
	packages map[string]map[string]string // import path, then "Struct.Field"
}

func newComments(root string) *comments {
	return &comments{root: root, packages: map[string]map[string]string{}}
}

// of returns the comment of a field, or errNoComment.
func (c *comments) of(path, structure, field string) (string, error) {
	if _, known := c.packages[path]; !known {
		found, err := fieldComments(filepath.Join(c.root, filepath.FromSlash(strings.TrimPrefix(path, module))))
		if err != nil {
			return "", err
		}
		c.packages[path] = found
	}
	comment := c.packages[path][structure+"."+field]
	if comment == "" {
		return "", fmt.Errorf("%s.%s.%s %w", path, structure, field, errNoComment)
	}
	return comment, nil
}

// fieldComments reads the Go files of a directory except tests.
func fieldComments(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, is := n.(*ast.TypeSpec); is {
				collectComments(spec, found)
			}
			return true
		})
	}
	return found, nil
}

// collectComments collects the comments of a struct's fields. A comment above the field has
// precedence over one on the same line.
func collectComments(spec *ast.TypeSpec, found map[string]string) {
	structure, is := spec.Type.(*ast.StructType)
	if !is {
		return
	}
	for _, f := range structure.Fields.List {
		text := f.Doc.Text()
		if text == "" {
			text = f.Comment.Text()
		}
		for _, name := range f.Names {
			found[spec.Name.Name+"."+name.Name] = strings.TrimSpace(text)
		}
	}
}
