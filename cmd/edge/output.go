package main

import (
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/huleedu/edge/domain"
)

// Colours of a terminal, as parameters of the escape sequence SGR.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// isTerminal reports whether the output is a terminal whose user did not refuse colours.
func isTerminal(out io.Writer, vars map[string]string) bool {
	file, is := out.(*os.File)
	if !is || vars["NO_COLOR"] != "" || vars["TERM"] == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// paint returns the text in a colour if the output is a terminal.
func (t tool) paint(colour, text string) string {
	if !t.terminal {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// printTable prints rows below a header. Control characters are replaced.
func (t tool) printTable(header []string, rows [][]string) {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		_, _ = io.WriteString(w, strings.TrimRight(strings.Join(row, "\t"), "\t ")+"\n")
	}
	_ = w.Flush() // the output is gone if this fails
}

// writeJSON prints one value as a line of JSON.
func (t tool) writeJSON(value any) error {
	body, err := domain.EncodeJSON(value)
	if err != nil {
		return err
	}
	t.printf("%s\n", body)
	return nil
}
