package certificate

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// replace replaces the content of a file by that of another, with a new modification time.
func replace(t *testing.T, path, by string) {
	t.Helper()
	content, err := os.ReadFile(by)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.NoError(t, os.Chtimes(path, time.Now(), time.Now()))
}

// write replaces both files by those of a pair.
func write(t *testing.T, to Files, from servers.KeyPair) {
	t.Helper()
	replace(t, to.Cert, from.CertFile)
	replace(t, to.Key, from.KeyFile)
}

// requireServed requires that handshakes get the certificate of the pair.
func requireServed(t *testing.T, c *Certificate, want servers.KeyPair, why string) {
	t.Helper()
	pair, err := c.get(nil)
	require.NoError(t, err)
	require.Equal(t, pair.Leaf.SerialNumber.String()+".crt", filepath.Base(want.CertFile), why)
}

func TestCertificateIsLoadedAgainWhenItsFilesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority, log, dir := servers.NewAuthority(t), &bytes.Buffer{}, t.TempDir()
		files := Files{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
		issue := func() servers.KeyPair { return authority.Issue(time.Now().Add(time.Hour)) }
		first, second := issue(), issue()
		write(t, files, first)
		c, err := Load(files, slog.New(slog.NewTextHandler(log, nil)))
		require.NoError(t, err)
		requireServed(t, c, first, "at the start")

		time.Sleep(checkInterval / 2)
		write(t, files, second)
		requireServed(t, c, first, "the files are checked once a second at most")
		time.Sleep(checkInterval)
		requireServed(t, c, second, "the files have changed")
		require.Equal(t, 1, strings.Count(log.String(), "level=INFO"))

		replace(t, files.Key, issue().KeyFile)
		for range 10 {
			time.Sleep(checkInterval)
			requireServed(t, c, second, "the old certificate stays in use")
		}
		require.NoError(t, os.Remove(files.Key))
		time.Sleep(checkInterval)
		requireServed(t, c, second, "the old certificate stays in use")
		require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log)

		write(t, files, first)
		time.Sleep(checkInterval)
		requireServed(t, c, first, "the pair is complete again")
		require.NotContains(t, log.String(), "PRIVATE")
	})
}

// TestCertificateBehindSymbolicLinks replaces the directory behind a link, as Kubernetes does
// with a Secret.
func TestCertificateBehindSymbolicLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority, root := servers.NewAuthority(t), t.TempDir()
		link := filepath.Join(root, "..data")
		version := func(name string) servers.KeyPair {
			pair, dir := authority.Issue(time.Now().Add(time.Hour)), filepath.Join(root, name)
			require.NoError(t, os.Mkdir(dir, 0o700))
			write(t, Files{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}, pair)
			return pair
		}
		first := version("first")
		require.NoError(t, os.Symlink("first", link))
		c, err := Load(Files{filepath.Join(link, "tls.crt"), filepath.Join(link, "tls.key")}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		requireServed(t, c, first, "at the start")
		time.Sleep(checkInterval)
		second := version("second")
		require.NoError(t, os.Symlink("second", link+"_tmp"))
		require.NoError(t, os.Rename(link+"_tmp", link))
		requireServed(t, c, second, "the link has changed")
	})
}

func TestProblems(t *testing.T) {
	t.Parallel()
	authority := servers.NewAuthority(t)
	pair, other := authority.Issue(time.Now().Add(time.Hour)), authority.Issue(time.Now().Add(time.Hour))
	for name, c := range map[string]struct {
		files Files
		named []string
	}{
		"no TLS":         {Files{}, nil},
		"a pair":         {Files{pair.CertFile, pair.KeyFile}, nil},
		"no key":         {Files{Cert: pair.CertFile}, []string{"X_TLS_KEY_FILE"}},
		"no certificate": {Files{Key: pair.KeyFile}, []string{"X_TLS_CERT_FILE"}},
		"missing files":  {Files{"/none", "/none"}, []string{"X_TLS_CERT_FILE", "X_TLS_KEY_FILE"}},
		"another key":    {Files{pair.CertFile, other.KeyFile}, []string{"X_TLS_CERT_FILE"}},
		"swapped":        {Files{pair.KeyFile, pair.CertFile}, []string{"X_TLS_CERT_FILE"}},
	} {
		var named []string
		for _, problem := range c.files.Problems("X_") {
			named = append(named, domain.As(problem).Setting)
		}
		require.ElementsMatch(t, c.named, named, name)
	}
}
