// Command docs generates documentation from the code: docs/configuration.md and
// .env.example from the configuration structs and the comments of their fields,
// docs/closes.md and the table of the JavaScript client from the catalogue of close
// codes, docs/errors.md from the error codes, and the client's types of notifications
// from api/asyncapi.yaml. A test fails when a file is not current.
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
		configurationPage: configurationText, examplePage: exampleText,
		closesPage:       func(string) (string, error) { return closesText(), nil },
		errorsPage:       func(string) (string, error) { return errorsText(), nil },
		clientClosesPage: func(string) (string, error) { return clientClosesText() },
		clientEventsPage: func(string) (string, error) { return clientEventsText() },
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

// moduleRoot returns the nearest directory with a go.mod, starting here and going up.
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
