package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/packages"
)

var errLoad = errors.New("the package has errors")

// build compiles a test program with all mutants for each package with tests, into the directory. It
// returns the tests and the mutants.
func (t target) build(ctx context.Context, directory string) ([]testCase, *finder, error) {
	loaded, err := load(ctx, "./"+t.mutated, nil)
	if err != nil {
		return nil, nil, err
	}
	if len(loaded.Errors) > 0 {
		return nil, nil, fmt.Errorf("%w: %v", errLoad, loaded.Errors)
	}
	f, files, err := t.mutate(ctx, loaded)
	if err != nil {
		return nil, nil, err
	}
	overlay, err := writeOverlay(files, directory)
	if err != nil {
		return nil, nil, err
	}
	var all []testCase
	for i, set := range t.testSets() {
		p := &program{path: filepath.Join(directory, fmt.Sprintf("tests%d", i)), directory: set.pkg}
		out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-w", "-overlay="+overlay, "-o", p.path, "./"+set.pkg).CombinedOutput()
		if err != nil {
			return nil, nil, fmt.Errorf("%w\n%s", err, out)
		}
		tests, err := p.tests(ctx, set.run)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, tests...)
	}
	return all, f, nil
}

// load reads and checks a package, with other content for some of its files.
func load(ctx context.Context, path string, files map[string][]byte) (*packages.Package, error) {
	loaded, err := packages.Load(&packages.Config{
		Context: ctx, Overlay: files,
		Mode: packages.NeedName | packages.NeedCompiledGoFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports,
	}, path)
	if err != nil {
		return nil, err
	}
	if len(loaded) != 1 {
		return nil, fmt.Errorf("%w: %s", errLoad, path)
	}
	return loaded[0], nil
}

// mutate returns the files with all mutants that compile. It leaves out the others, one pass after
// the other, because an error can hide the next one.
func (t target) mutate(ctx context.Context, p *packages.Package) (*finder, map[string][]byte, error) {
	left := map[int]bool{}
	for {
		f := &finder{pkg: p, left: left}
		files, err := t.rewrite(f)
		if err != nil {
			return nil, nil, err
		}
		checked, err := load(ctx, "./"+t.mutated, files)
		if err != nil {
			return nil, nil, err
		}
		if len(checked.Errors) == 0 {
			return f, files, nil
		}
		before := len(left)
		for _, e := range checked.Errors {
			if e.Kind != packages.ListError { // it repeats the others
				left[mutantAt(files, e)] = true
			}
		}
		if len(left) == before || left[0] {
			return nil, nil, fmt.Errorf("%w: %v", errLoad, checked.Errors)
		}
	}
}

// rewrite returns the files of the target with their mutants, by path.
func (t target) rewrite(f *finder) (map[string][]byte, error) {
	files := map[string][]byte{}
	for i, file := range f.pkg.Syntax {
		path := f.pkg.CompiledGoFiles[i]
		if t.files != nil && !slices.Contains(t.files, filepath.Base(path)) {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files[path] = []byte(f.rewrite(file, source))
	}
	files[filepath.Join(filepath.Dir(f.pkg.CompiledGoFiles[0]), "mutant_switch.go")] = []byte("package " + f.pkg.Name + "\n" + switchCode)
	return files, nil
}

// writeOverlay writes the files and returns the path of the list that replaces the originals.
func writeOverlay(files map[string][]byte, directory string) (string, error) {
	replace := map[string]string{}
	for original, text := range files {
		replace[original] = filepath.Join(directory, filepath.Base(original))
		if err := os.WriteFile(replace[original], text, 0o600); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(directory, "overlay.json")
	return list, os.WriteFile(list, text, 0o600)
}
