package arch

import (
	"go/ast"
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

// noSleeping finds time.Sleep outside synctest.Test, where the clock is simulated.
func noSleeping(s source) []finding {
	var bubbles []ast.Node
	s.eachCall(func(call *ast.CallExpr) {
		if s.callee(call) == "testing/synctest.Test" {
			bubbles = append(bubbles, call)
		}
	})
	var out []finding
	s.eachCall(func(call *ast.CallExpr) {
		if s.callee(call) == "time.Sleep" && !insideAny(call, bubbles) {
			out = append(out, s.found(call, "time.Sleep"))
		}
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
