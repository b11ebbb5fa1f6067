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

// module is the path of this module.
const module = "github.com/huleedu/edge"

// source is one Go file.
type source struct {
	// path is relative to the module's root, with slashes.
	path string
	text string
	set  *token.FileSet
	tree *ast.File
	// imports maps the names by which the file knows its packages to their paths.
	imports map[string]string
}

// finding is one place where a rule is broken.
type finding struct {
	at   string // path:line
	what string
}

// parse reads one file's text.
func parse(name, text string) (source, error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	return source{path: name, text: text, set: set, tree: tree, imports: imports(tree)}, nil
}

// load reads every Go file under root, but for directories that the go tool
// skips as well.
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

// findRoot is the directory of go.mod, seen from where a test runs.
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

// within reports whether the file lies in the directory or below it.
func (s source) within(dir string) bool { return strings.HasPrefix(s.path, dir+"/") }

// lines is how many lines a node takes.
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

// packageName guesses a package's name from its path: the last element that is
// no major version, without what a name cannot hold.
func packageName(p string) string {
	name := path.Base(p)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(p))
	}
	name, _, _ = strings.Cut(name, ".v")
	name = strings.TrimPrefix(name, "go-")
	return strings.TrimSuffix(name, "-go")
}

// called is the function that a call names as "package.Name", with the
// package's path, or the empty string for anything else.
func (s source) called(call *ast.CallExpr) string {
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

// calls visits every call of the file.
func (s source) calls(visit func(*ast.CallExpr)) {
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			visit(call)
		}
		return true
	})
}
