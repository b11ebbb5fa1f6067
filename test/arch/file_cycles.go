package arch

import (
	"fmt"
	"go/types"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// fileGraph holds for each file of a package the files of the same package that declare
// what it uses: functions, types, variables, constants, methods and fields.
type fileGraph map[string]map[string]bool

// loadFileGraphs type-checks the packages of a module that match the pattern and returns
// their graphs by import path.
func loadFileGraphs(root, pattern string) (map[string]fileGraph, error) {
	loaded, err := packages.Load(&packages.Config{
		Dir: root, BuildFlags: ownBuildFlags(),
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedExportFile |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo,
	}, pattern)
	if err != nil {
		return nil, err
	}
	out := map[string]fileGraph{}
	for _, p := range loaded {
		if len(p.Errors) > 0 {
			return nil, p.Errors[0]
		}
		out[p.PkgPath] = newFileGraph(p)
	}
	return out, nil
}

// ownBuildFlags returns -race if this test has the race detector. The packages are then compiled as for the
// other tests, and not once more.
func ownBuildFlags() (flags []string) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		flags = append(flags, "-race")
	}
	return flags
}

func newFileGraph(p *packages.Package) fileGraph {
	fileOf := func(o types.Object) string { return filepath.Base(p.Fset.Position(o.Pos()).Filename) }
	g := fileGraph{}
	for name, used := range p.TypesInfo.Uses {
		if used.Pkg() != p.Types {
			continue
		}
		from, to := filepath.Base(p.Fset.Position(name.Pos()).Filename), fileOf(used)
		if g[from] == nil {
			g[from] = map[string]bool{}
		}
		if from != to {
			g[from][to] = true
		}
	}
	return g
}

// reaches reports whether one file uses another, directly or through others.
func (g fileGraph) reaches(from, to string) bool {
	seen, next := map[string]bool{}, []string{from}
	for len(next) > 0 {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		for other := range g[at] {
			if other == to {
				return true
			}
			if !seen[other] {
				seen[other] = true
				next = append(next, other)
			}
		}
	}
	return false
}

// backward returns the references, as "a.go -> b.go", between files that use each other,
// directly or through others, and the number of all references.
func (g fileGraph) backward() (inCycles []string, all int) {
	for _, from := range slices.Sorted(maps.Keys(g)) {
		for _, to := range slices.Sorted(maps.Keys(g[from])) {
			all++
			if g.reaches(to, from) {
				inCycles = append(inCycles, from+" -> "+to)
			}
		}
	}
	return inCycles, all
}

// fileCycles finds packages with more references in cycles of files than the limit allows.
func fileCycles(graphs map[string]fileGraph, limitOf func(pkg string) int) []finding {
	var out []finding
	for _, pkg := range slices.Sorted(maps.Keys(graphs)) {
		inCycles, all := graphs[pkg].backward()
		if limit := limitOf(strings.TrimPrefix(pkg, module+"/")); len(inCycles) > limit {
			out = append(out, finding{pkg, fmt.Sprintf("%d of %d references between files are in cycles, at most %d:\n\t\t%s",
				len(inCycles), all, limit, strings.Join(inCycles, "\n\t\t"))})
		}
	}
	return out
}
