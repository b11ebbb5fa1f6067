package arch

import (
	"go/ast"
	"slices"
	"strings"
)

// errorWriter is the one file that answers errors over HTTP.
const errorWriter = "adapters/httpserver/answer.go"

// environment lets those tests read it that start programs or ask where the
// real servers are.
func environment(s source) []finding {
	starters := []string{"cmd", "test/servers", "test/e2e", "test/conformance", "test/faults", "test/bench", "test/matrix"}
	if slices.ContainsFunc(starters, s.within) {
		return nil
	}
	var out []finding
	s.calls(func(call *ast.CallExpr) {
		switch name := s.called(call); name {
		case "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.Setenv":
			out = append(out, s.found(call, name))
		}
	})
	return out
}

// noSleeping lets tests sleep inside synctest, where no time passes.
func noSleeping(s source) []finding {
	var bubbles []ast.Node
	s.calls(func(call *ast.CallExpr) {
		if s.called(call) == "testing/synctest.Test" {
			bubbles = append(bubbles, call)
		}
	})
	var out []finding
	s.calls(func(call *ast.CallExpr) {
		if s.called(call) == "time.Sleep" && !inside(call, bubbles) {
			out = append(out, s.found(call, "time.Sleep"))
		}
	})
	return out
}

func inside(n ast.Node, outer []ast.Node) bool {
	for _, o := range outer {
		if o.Pos() <= n.Pos() && n.End() <= o.End() {
			return true
		}
	}
	return false
}

// boundCalls finds requests and connections that nothing can cut short. Tests
// have limits of their own.
func boundCalls(s source) []finding {
	if s.isTest() || s.within("test") {
		return nil
	}
	var out []finding
	s.calls(func(call *ast.CallExpr) {
		switch name := s.called(call); name {
		case "net/http.NewRequest", "net/http.Get", "net/http.Head", "net/http.Post", "net/http.PostForm",
			"net.Dial", "net.DialTimeout", "os/exec.Command":
			out = append(out, s.found(call, name))
		}
	})
	return out
}

// oneErrorWriter looks at the services themselves; tests and the simulated
// platform answer as they like. A method String with two arguments or more is
// gin's answer of plain text: the String of fmt takes none, and those of
// packages (slog.String) are told apart by their import.
func oneErrorWriter(s source) []finding {
	if s.isTest() || s.within("test") || s.path == errorWriter {
		return nil
	}
	var out []finding
	s.calls(func(call *ast.CallExpr) {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return
		}
		function, name := s.called(call), sel.Sel.Name
		switch {
		case function == "net/http.Error", function == "net/http.NotFound",
			function == "" && strings.HasPrefix(name, "AbortWith"),
			function == "" && name == "String" && len(call.Args) >= 2:
			out = append(out, s.found(call, name))
		}
	})
	return out
}

// nothingSilenced knows the comments by which linters are told to look away.
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
