package arch

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// errorWriter is the only file that writes HTTP error responses.
const errorWriter = "adapters/httpserver/error_writer.go"

// environment finds uses of the process environment. Programs may use it, and tests that
// start programs or look up real servers.
func environment(s source) []finding {
	starters := []string{"cmd", "test/servers", "test/e2e", "test/conformance", "test/faults", "test/bench", "test/matrix", "test/harness"}
	if slices.ContainsFunc(starters, s.within) {
		return nil
	}
	var out []finding
	s.eachCall(func(call *ast.CallExpr) {
		switch name := s.callee(call); name {
		case "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.Setenv":
			out = append(out, s.found(call, name))
		}
	})
	return out
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

// boundCalls finds requests and connections without a context. It does not check tests.
func boundCalls(s source) []finding {
	if s.isTest() || s.within("test") {
		return nil
	}
	var out []finding
	s.eachCall(func(call *ast.CallExpr) {
		switch name := s.callee(call); name {
		case "net/http.NewRequest", "net/http.Get", "net/http.Head", "net/http.Post", "net/http.PostForm",
			"net.Dial", "net.DialTimeout", "os/exec.Command":
			out = append(out, s.found(call, name))
		}
	})
	return out
}

// oneErrorWriter finds HTTP error responses outside errorWriter. It does not check tests.
// A method String with two or more arguments is gin's plain text response:
// fmt.Stringer's String has none, and functions such as slog.String have an import.
func oneErrorWriter(s source) []finding {
	if s.isTest() || s.within("test") || s.path == errorWriter {
		return nil
	}
	var out []finding
	s.eachCall(func(call *ast.CallExpr) {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return
		}
		function, name := s.callee(call), sel.Sel.Name
		switch {
		case function == "net/http.Error", function == "net/http.NotFound",
			function == "" && strings.HasPrefix(name, "AbortWith"),
			function == "" && name == "String" && len(call.Args) >= 2:
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
