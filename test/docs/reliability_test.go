package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// namedTest is a test that a document names, with its package.
type namedTest struct{ name, dir string }

// TestReliabilityNamesTestsThatExist checks that each test in docs/reliability.md is declared in the
// package that the document names, and that each promise has a test.
func TestReliabilityNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "reliability.md"))
	require.NoError(t, err)
	rows := regexp.MustCompile(`(?m)^\| (.+) \| (.+) \|$`).FindAllStringSubmatch(string(text), -1)
	rows = slices.DeleteFunc(rows, func(row []string) bool { return row[1] == "promise" })
	require.Greater(t, len(rows), 20)
	for _, row := range rows {
		named := testsIn(row[2])
		require.NotEmpty(t, named, "no test holds: %s", row[1])
		for _, one := range named {
			require.True(t, declaresTest(t, one), "%s has no test %s", one.dir, one.name)
		}
	}
}

func TestReliabilityCheckFails(t *testing.T) {
	t.Parallel()
	require.False(t, declaresTest(t, namedTest{"TestReliability", "test/docs"}), "a prefix of a name is not the name")
	require.False(t, declaresTest(t, namedTest{"TestReliabilityCheckFails/of_no_table", "test/docs"}))
	require.Equal(t, []namedTest{{"TestA", "p"}, {"TestB", "p"}, {"TestC", "q"}}, testsIn("`TestA` `TestB` in `p`; `TestC` in `q` (`make x`)"))
}

// testsIn returns the tests of a cell: names of tests, and "in" the package they are in.
func testsIn(cell string) (out []namedTest) {
	for _, group := range regexp.MustCompile("((?:`Test[\\w/]+` )+)in `([^`]+)`").FindAllStringSubmatch(cell, -1) {
		for name := range strings.FieldsSeq(group[1]) {
			out = append(out, namedTest{strings.Trim(name, "`"), group[2]})
		}
	}
	return out
}

// declaresTest reports whether a file of the package declares the test, and a subtest as a key of a table.
func declaresTest(t *testing.T, one namedTest) bool {
	t.Helper()
	name, subtest, nested := strings.Cut(one.name, "/")
	key := strconv.Quote(strings.ReplaceAll(subtest, "_", " ")) + ":"
	files, err := filepath.Glob(filepath.Join("..", "..", one.dir, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(text), "\nfunc "+name+"(") && (!nested || strings.Contains(string(text), key)) {
			return true
		}
	}
	return false
}
