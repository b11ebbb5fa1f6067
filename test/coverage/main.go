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

// module is what the project's packages begin with.
const module = "github.com/huleedu/edge/"

// services are the programs that are judged.
func services() []string { return []string{"gateway", "websocket"} }

func main() {
	least := flag.Float64("least", 90, "demand this percentage of each service's statements")
	out := flag.String("out", "", "write the merged profile to this `file`")
	flag.Parse()
	if err := run(os.Stdout, *least, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
}

// run merges the files and prints the table of every service.
func run(w io.Writer, least float64, out string, files []string) error {
	text, err := join(files)
	if err != nil {
		return err
	}
	if out != "" {
		if err := os.WriteFile(out, text, 0o600); err != nil {
			return err
		}
	}
	reached, err := measure(bytes.NewReader(text))
	if err != nil {
		return err
	}
	var low []string
	for _, service := range services() {
		linked, err := links("cmd/" + service)
		if err != nil {
			return err
		}
		if total := reached.print(w, service, linked); total.percent() < least {
			low = append(low, service)
		}
	}
	if len(low) > 0 {
		return fmt.Errorf("below %.4g %%: %s", least, strings.Join(low, ", "))
	}
	return nil
}

// links lists the project's packages that a program is made of.
func links(program string) ([]string, error) {
	c := exec.Command("go", "list", "-deps", module+program)
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("list what %s links: %w", program, err)
	}
	var own []string
	for name := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(name), module); ok {
			own = append(own, name)
		}
	}
	return own, nil
}
