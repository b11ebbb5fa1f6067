// Command docs writes docs/configuration.md and .env.example out of the
// configuration structs and the comments on their fields, docs/closes.md out of
// the catalogue of closes and docs/errors.md out of the list of codes, so that
// the pages cannot say anything else than the code. A test fails while a page is
// not current.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func write() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	for path, made := range map[string]func(root string) (string, error){
		page: configuration, examplePage: example,
		closesPage: func(string) (string, error) { return closes(), nil },
		errorsPage: func(string) (string, error) { return failures(), nil },
	} {
		text, err := made(root)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// moduleRoot is the directory of go.mod, here or above.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", os.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
}
