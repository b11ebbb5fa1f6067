package arch

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// module is the module path.
const module = "github.com/huleedu/edge"

// source is one Go file.
type source struct {
	// path is relative to the module root and uses slashes.
	path string
	text string
	set  *token.FileSet
	tree *ast.File
	// imports maps local package names to import paths.
	imports map[string]string
}

// finding is one violation of a rule.
type finding struct {
	at   string // path:line
	what string
}

// parse parses the text of one file.
func parse(name, text string) (source, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	return source{path: name, text: text, set: set, tree: tree, imports: imports(tree)}, nil
}

// load parses all Go files below root, except in directories that the go tool ignores.
func load(root string) ([]source, error) {
	tree := os.DirFS(root)
	var out []source
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		s, err := parse(name, string(text))
		out = append(out, s)
		return err
	})
	return out, err
}

var errNoModule = errors.New("no go.mod above the working directory")

// findRoot returns the directory of go.mod, starting at the working directory.
func findRoot() (string, error) {
	for dir := "."; len(dir) < 64; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errNoModule
}

func (s source) dir() string { return path.Dir(s.path) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) generated() bool { return ast.IsGenerated(s.tree) }

// within reports whether the file is in the directory or below it.
func (s source) within(dir string) bool { return strings.HasPrefix(s.path, dir+"/") }

// lines returns the number of lines of a node.
func (s source) lines(n ast.Node) int {
	return s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1
}

func (s source) found(n ast.Node, what string) finding {
	return finding{at: s.set.Position(n.Pos()).String(), what: what}
}

func imports(tree *ast.File) map[string]string {
	out := map[string]string{}
	for _, i := range tree.Imports {
		p := strings.Trim(i.Path.Value, `"`)
		name := packageName(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		out[name] = p
	}
	return out
}

// packageName guesses the name of a package from its path: the last element that is not a
// major version, without a "go-" prefix or "-go" suffix.
func packageName(p string) string {
	name := path.Base(p)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(p))
	}
	name, _, _ = strings.Cut(name, ".v")
	name = strings.TrimPrefix(name, "go-")
	return strings.TrimSuffix(name, "-go")
}

// callee returns the called function as "import/path.Name", or "" if it is not a function
// of an imported package.
func (s source) callee(call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	if p, known := s.imports[x.Name]; known {
		return p + "." + sel.Sel.Name
	}
	return ""
}

// eachCall visits every call expression of the file.
func (s source) eachCall(visit func(*ast.CallExpr)) {
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			visit(call)
		}
		return true
	})
}
