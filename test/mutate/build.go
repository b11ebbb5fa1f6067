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

// program is a test program with all mutants of a target.
type program struct {
	path, directory string // directory is where its tests run
	mutants         []mutant
}

// build compiles the test program of the target into the directory.
func (t target) build(ctx context.Context, directory string) (program, error) {
	loaded, err := packages.Load(&packages.Config{
		Context: ctx, Mode: packages.NeedName | packages.NeedCompiledGoFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports,
	}, "./"+t.mutated)
	if err != nil {
		return program{}, err
	}
	if len(loaded) != 1 || len(loaded[0].Errors) > 0 {
		return program{}, fmt.Errorf("%w: %v", errLoad, loaded[0].Errors)
	}
	f := &finder{pkg: loaded[0]}
	overlay, err := t.overlay(f, directory)
	if err != nil {
		return program{}, err
	}
	p := program{path: filepath.Join(directory, "tests"), directory: t.testPackage(), mutants: f.all}
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-w", "-overlay="+overlay, "-o", p.path, "./"+t.testPackage()).CombinedOutput()
	if err != nil {
		return program{}, fmt.Errorf("%w\n%s", err, out)
	}
	return p, nil
}

// overlay writes the changed files and returns the path of the list that replaces the originals.
func (t target) overlay(f *finder, directory string) (string, error) {
	replace := map[string]string{}
	write := func(original, text string) error {
		path := filepath.Join(directory, filepath.Base(original))
		replace[original] = path
		return os.WriteFile(path, []byte(text), 0o600)
	}
	for i, file := range f.pkg.Syntax {
		path := f.pkg.CompiledGoFiles[i]
		if t.files != nil && !slices.Contains(t.files, filepath.Base(path)) {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if err := write(path, f.rewrite(file, source)); err != nil {
			return "", err
		}
	}
	added := filepath.Join(filepath.Dir(f.pkg.CompiledGoFiles[0]), "mutant_switch.go")
	if err := write(added, "package "+f.pkg.Name+"\n"+switchCode); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(directory, "overlay.json")
	return list, os.WriteFile(list, text, 0o600)
}
