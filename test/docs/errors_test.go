package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorsPageIsCurrent(t *testing.T) {
	have, err := os.ReadFile("../../" + errorsPage)
	require.NoError(t, err)
	if want := errorsText(); want != string(have) {
		t.Fatalf("%s is not current; run: go run ./test/docs\n%s", errorsPage, firstDifference(string(have), want))
	}
}
