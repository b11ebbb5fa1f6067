package arch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommentsNameErrorsThatExist(t *testing.T) {
	reportFindings(t, "a reader looks for the name and does not find it", unknownErrors(parseModule(t)))
}

func TestUnknownErrorsAreFound(t *testing.T) {
	const code = "package app\n\nvar ErrOld = 1\n\n// f returns ErrNew or http.ErrAborted.\nfunc f() {}\n"
	require.Len(t, unknownErrors([]source{mustParse(t, sample{"app/a.go", code})}), 1)
	other := mustParse(t, sample{"app/b.go", "package app\n\nvar ErrNew = 2\n"})
	require.Empty(t, unknownErrors([]source{mustParse(t, sample{"app/a.go", code}), other}))
}
