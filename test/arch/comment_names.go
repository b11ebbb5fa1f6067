package arch

import (
	"go/ast"
	"regexp"
)

// unknownErrors finds comments that name an error variable that is declared nowhere in
// the module, such as one that was renamed. A name with its package, http.ErrX, is not
// checked.
func unknownErrors(files []source) []finding {
	declared := map[string]bool{}
	for _, s := range files {
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if id, is := n.(*ast.Ident); is {
				declared[id.Name] = true
			}
			return true
		})
	}
	name := regexp.MustCompile(`(?:^|[^.\w])((?:Err|err)[A-Z][a-z]\w*)`)
	var out []finding
	for _, s := range files {
		for _, group := range s.tree.Comments {
			for _, found := range name.FindAllStringSubmatch(group.Text(), -1) {
				if !declared[found[1]] {
					out = append(out, s.found(group, "the comment names "+found[1]+", which does not exist"))
				}
			}
		}
	}
	return out
}
