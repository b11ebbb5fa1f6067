package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// module is the prefix of the module's packages.
const module = "github.com/huleedu/edge/"

// services returns the programs whose coverage is checked.
func services() []string { return []string{"gateway", "websocket"} }

func main() {
	least := flag.Float64("least", 90, "minimum percentage of covered statements of each service")
	out := flag.String("out", "", "write the merged profile to this `file`")
	flag.Parse()
	if err := run(os.Stdout, *least, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
}

// run merges the profiles and prints a table for each service.
func run(w io.Writer, least float64, out string, files []string) error {
	text, err := mergeProfiles(files)
	if err != nil {
		return err
	}
	if out != "" {
		if err := os.WriteFile(out, text, 0o600); err != nil {
			return err
		}
	}
	coverage, err := measure(bytes.NewReader(text))
	if err != nil {
		return err
	}
	var low []string
	for _, service := range services() {
		linked, err := linkedPackages("cmd/" + service)
		if err != nil {
			return err
		}
		if total := coverage.print(w, service, linked); total.percent() < least {
			low = append(low, service)
		}
	}
	if len(low) > 0 {
		return fmt.Errorf("below %.4g %%: %s", least, strings.Join(low, ", "))
	}
	return nil
}

// linkedPackages returns the packages of the module that a program links.
func linkedPackages(program string) ([]string, error) {
	c := exec.Command("go", "list", "-deps", module+program)
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", program, err)
	}
	var own []string
	for name := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(name), module); ok {
			own = append(own, name)
		}
	}
	return own, nil
}
