package arch

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// errorWriter is the only file that writes HTTP error responses.
const errorWriter = "adapters/httpserver/error_writer.go"

// calls returns a rule that finds calls of functions, except in the directories that the rule allows.
func calls(allowed []string, functions ...string) func(source) []finding {
	return func(s source) (out []finding) {
		if slices.ContainsFunc(allowed, s.within) {
			return nil
		}
		s.eachCall(func(call *ast.CallExpr) {
			if name := s.callee(call); slices.Contains(functions, name) {
				out = append(out, s.found(call, name))
			}
		})
		return out
	}
}

// outsideTests returns the rule without its findings in tests.
func outsideTests(check func(source) []finding) func(source) []finding {
	return func(s source) []finding {
		if s.isTest() || s.within("test") {
			return nil
		}
		return check(s)
	}
}

// environment finds uses of the process environment. Programs may use it, and tests that
// start programs or look up real servers.
func environment(s source) []finding {
	starters := []string{"cmd", "test/servers", "test/e2e", "test/conformance", "test/clients", "test/console", "test/faults", "test/bench", "test/matrix", "test/harness"}
	return calls(starters, "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.Setenv")(s)
}

// pausePackage is the only package that may sleep. Its callers state why they do.
const pausePackage = "test/pause"

// noSleeping finds time.Sleep and, in tests, a receive from time.After, outside synctest.Test, where
// the clock is simulated. A receive from time.After in a select is a time limit and valid.
func noSleeping(s source) []finding {
	if s.dir() == pausePackage {
		return nil
	}
	var allowed []ast.Node
	s.eachCall(func(call *ast.CallExpr) {
		if s.callee(call) == "testing/synctest.Test" {
			allowed = append(allowed, call)
		}
	})
	var out []finding
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if clause, ok := n.(*ast.CommClause); ok && clause.Comm != nil {
			allowed = append(allowed, clause.Comm)
		}
		name := ""
		switch n := n.(type) {
		case *ast.CallExpr:
			if s.callee(n) == "time.Sleep" {
				name = "time.Sleep"
			}
		case *ast.UnaryExpr:
			call, ok := n.X.(*ast.CallExpr)
			if ok && n.Op == token.ARROW && s.callee(call) == "time.After" && (s.isTest() || s.within("test")) {
				name = "<-time.After"
			}
		}
		if name != "" && !insideAny(n, allowed) {
			out = append(out, s.found(n, name))
		}
		return true
	})
	return out
}

func insideAny(n ast.Node, outer []ast.Node) bool {
	for _, o := range outer {
		if o.Pos() <= n.Pos() && n.End() <= o.End() {
			return true
		}
	}
	return false
}

// boundCalls finds requests and connections without a context.
func boundCalls(s source) []finding {
	return calls(nil, "net/http.NewRequest", "net/http.Get", "net/http.Head", "net/http.Post", "net/http.PostForm",
		"net.Dial", "net.DialTimeout", "os/exec.Command")(s)
}

// oneErrorWriter finds HTTP error responses outside errorWriter.
// A method String with two or more arguments is gin's plain text response:
// fmt.Stringer's String has none, and functions such as slog.String have an import.
func oneErrorWriter(s source) []finding {
	if s.path == errorWriter {
		return nil
	}
	out := calls(nil, "net/http.Error", "net/http.NotFound")(s)
	s.eachCall(func(call *ast.CallExpr) {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || s.callee(call) != "" {
			return
		}
		if name := sel.Sel.Name; strings.HasPrefix(name, "AbortWith") || name == "String" && len(call.Args) >= 2 {
			out = append(out, s.found(call, name))
		}
	})
	return out
}

// nothingSilenced finds comments that disable linters.
func nothingSilenced(s source) []finding {
	var out []finding
	for _, group := range s.tree.Comments {
		for _, c := range group.List {
			for _, mark := range []string{"nolint", "#nosec", "lint:ignore", "lint:file-ignore", "exhaustive:ignore"} {
				text := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(c.Text, "//"), "/*"), " ")
				if strings.HasPrefix(text, mark) {
					out = append(out, s.found(c, c.Text))
				}
			}
		}
	}
	return out
}
