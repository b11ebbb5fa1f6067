package main

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// mutantAt returns the mutant whose switch precedes an error of the compiler; 0 if there is none.
func mutantAt(files map[string][]byte, e packages.Error) int {
	path, position, _ := cutLast(e.Pos, 2)
	line, column, _ := strings.Cut(position, ":")
	before := upTo(files[path], atoi(line), atoi(column))
	switches := regexp.MustCompile(`mutant\((\d+)\)`).FindAllSubmatch(before, -1)
	if len(switches) == 0 {
		return 0
	}
	return atoi(string(switches[len(switches)-1][1]))
}

// cutLast cuts a text at its n-th last colon.
func cutLast(text string, n int) (before, after string, found bool) {
	at := len(text)
	for range n {
		if at = strings.LastIndexByte(text[:at], ':'); at < 0 {
			return text, "", false
		}
	}
	return text[:at], text[at+1:], true
}

// upTo returns the text before a line and column.
func upTo(text []byte, line, column int) []byte {
	start := 0
	for range line - 1 {
		next := bytes.IndexByte(text[start:], '\n')
		if next < 0 {
			return text
		}
		start += next + 1
	}
	return text[:min(start+column, len(text))]
}

// atoi returns the number, or 0.
func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
