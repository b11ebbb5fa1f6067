package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	t := newTally(os.Stdout)
	if err := readAll(os.Stdin, t); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	t.close()
	if t.red() {
		os.Exit(1)
	}
}

// readAll feeds the tally line by line.
func readAll(r io.Reader, t *tally) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			t.take(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
