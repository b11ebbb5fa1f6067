package arch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneTypeNameHasOneMeaning(t *testing.T) {
	reportFindings(t, "a reader who knows a type name expects the same type in every package", ambiguousTypeNames(parseModule(t)))
}

func TestAmbiguousTypeNamesAreFound(t *testing.T) {
	var files []source
	for _, s := range []sample{
		{"domain/a.go", "package domain\n\ntype Batch struct{}\n\ntype Config struct{}\n\ntype one struct{}\n"},
		{"adapters/x/a.go", "package x\n\ntype (\n\tBatch  int\n\tConfig int\n\tone    int\n)\n"},
		{"test/world/a.go", "package world\n\ntype Batch int\n"},
		{"app/a_test.go", "package app\n\ntype Batch int\n"},
	} {
		files = append(files, mustParse(t, s))
	}
	require.Equal(t, []finding{{"domain", "type Batch is also in adapters/x"}}, ambiguousTypeNames(files))
}
