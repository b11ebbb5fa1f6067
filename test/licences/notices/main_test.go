package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNoticesHaveEveryModule(t *testing.T) {
	t.Chdir("../../..")
	var out bytes.Buffer
	require.NoError(t, run(&out))
	all, err := modules()
	require.NoError(t, err)
	require.Greater(t, len(all), 30)
	for _, m := range all {
		require.Contains(t, out.String(), "\n"+m.path+" "+m.version+"\n")
	}
	require.Contains(t, out.String(), "the Go standard library go1.")
	require.GreaterOrEqual(t, strings.Count(strings.ToUpper(out.String()), "COPYRIGHT"), len(all))
}

func TestModuleWithoutLicenceIsAnError(t *testing.T) {
	dir := t.TempDir()
	_, err := texts(dir)
	require.ErrorIs(t, err, errNoLicence)
	require.NoError(t, os.WriteFile(dir+"/LICENSE.md", []byte("free\n"), 0o600))
	text, err := texts(dir)
	require.NoError(t, err)
	require.Equal(t, "free", text)
}
