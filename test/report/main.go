package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	t := newSummary(os.Stdout)
	if err := readAll(os.Stdin, t); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	t.close()
	if t.hasFailed() {
		os.Exit(1)
	}
}

// readAll passes each line to the summary.
func readAll(r io.Reader, t *summary) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			t.addLine(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
