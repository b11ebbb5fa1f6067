package origin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/domain"
)

func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"https://app.example.org":          "https://app.example.org",
		"HTTPS://App.Example.ORG":          "https://app.example.org",
		"https://app.example.org:443":      "https://app.example.org",
		"http://app.example.org:80":        "http://app.example.org",
		"http://app.example.org:443":       "http://app.example.org:443",
		"https://app.example.org:0443":     "https://app.example.org",
		"https://bücher.example":           "https://xn--bcher-kva.example",
		"https://xn--BCHER-kva.example":    "https://xn--bcher-kva.example",
		"https://straße.example":           "https://xn--strae-oqa.example",
		"http://web_app:3000":              "http://web_app:3000",
		"http://[::1]:5173":                "http://[::1]:5173",
		"http://[0:0:0:0:0:0:0:1]":         "http://[::1]",
		"http://127.0.0.1:3000":            "http://127.0.0.1:3000",
		"capacitor://localhost":            "capacitor://localhost",
		"chrome-extension://abcdefghijklm": "chrome-extension://abcdefghijklm",
	} {
		got, err := origin.Canonical(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		"", "null", "*", "https://*", "https://*.example.org", "*.example.org", "https://app.*.org", "http://localhost:*",
		"https://app.example.org/", "https://app.example.org/path", "https://app.example.org?a=b", "https://app.example.org?",
		"https://app.example.org#a", "https://app.example.org#", "https://me@app.example.org", "https://me:secret@app.example.org",
		"https://@app.example.org", "app.example.org", "localhost:5173", "//app.example.org", "https://", "https:app.example.org",
		"https://app.example.org:", "https://app.example.org:0", "https://app.example.org:65536", "https://app.example.org:x",
		"https://app example.org", " https://app.example.org", "https://app.example.org ", "https://[::1", "https://[::1%25eth0]",
		"https://[app]", "https://a,b", "https://xn--a.example", "https://a\x00b", "https://a%2fb",
	} {
		got, err := origin.Canonical(text)
		require.Error(t, err, "%q became %q", text, got)
	}
}

func TestListComparesCanonicalForms(t *testing.T) {
	list := origin.New([]string{"https://app.example.org:443", "https://bücher.example", "http://[0:0:0:0:0:0:0:1]:80"}, domain.Staging)
	for header, allowed := range map[string]bool{
		"https://app.example.org": true, "https://app.example.org:443": true, "https://APP.example.org": true,
		"https://xn--bcher-kva.example": true, "http://[::1]": true,
		"http://app.example.org": false, "https://app.example.org:8443": false, "https://app.example.org.evil.example": false,
		"https://evil.example": false, "null": false, "": false, "*": false, "https://app.example.org/": false,
		"https://me@app.example.org": false, "http://localhost:5173": false,
	} {
		require.Equal(t, allowed, list.Allows(header), header)
	}
	require.True(t, origin.New([]string{"*"}, domain.Staging).Allows("null"))
}

// TestDevelopmentAllowsLoopbackOrigins checks that only pages of the browser's own machine
// are allowed, and only in development.
func TestDevelopmentAllowsLoopbackOrigins(t *testing.T) {
	local := []string{
		"http://localhost:1", "https://localhost", "http://127.0.0.1:3000", "http://127.9.9.9", "http://[::1]:8080", "http://LOCALHOST:5173",
		"HTTP://localhost:5173",
	}
	foreign := []string{
		"", "*", "null", "localhost:5173", "//localhost:5173",
		// hosts that begin or end like a loopback host
		"http://localhost.evil.example", "http://evil-localhost", "http://app.localhost", "http://localhost.", "http://localhost.:5173",
		"http://127.0.0.1.evil.example", "http://127.0.0.1.", "http://evil.example:127", "http://xn--localhost-.example",
		// addresses that some parsers read as loopback
		"http://2130706433", "http://0x7f000001", "http://0x7f.1", "http://127.1", "http://0177.0.0.1", "http://127.0.0.01", "http://0.0.0.0",
		"http://128.0.0.1", "http://[::2]", "http://[::]", "http://[::ffff:127.0.0.1]", "http://[::1%25x]", "http://[::1%25lo]:80", "http://::1",
		"http://[localhost]", "http://[127.0.0.1]",
		// credentials, paths and more than one origin
		"http://localhost@evil.example", "http://localhost:80@evil.example", "http://user@localhost", "http://@localhost", "http://localhost:5173/",
		"http://localhost#@evil.example", "http://localhost?evil.example", "http://localhost\\@evil.example", "http://localhost%2eevil.example",
		"http://localhost http://evil.example", "http://localhost,http://evil.example", "http://localhost\t", "http://localhost:0", "http://localhost:",
		"http://localhost:65536",
		// schemes without web pages
		"ws://localhost", "file://localhost", "ftp://localhost", "javascript://localhost", "data://localhost", "chrome-extension://localhost",
		"capacitor://localhost",
	}
	for _, environment := range []domain.Environment{domain.Development, domain.Testing, domain.Staging, domain.Production} {
		list := origin.New([]string{"https://app.example.org"}, environment)
		require.True(t, list.Allows("https://app.example.org"))
		for _, header := range local {
			require.Equal(t, environment == domain.Development, list.Allows(header), "%s: %q", environment, header)
		}
		for _, header := range foreign {
			require.False(t, list.Allows(header), "%s: %q", environment, header)
		}
	}
}

func TestProductionLeavesOutLoopbackOrigins(t *testing.T) {
	entries := []string{"http://localhost:3000", "https://app.example.org", "http://127.0.0.1", "http://[::1]:80"}
	list := origin.New(entries, domain.Production)
	require.True(t, list.Allows("https://app.example.org"))
	for _, header := range []string{"http://localhost:3000", "http://127.0.0.1", "http://[::1]"} {
		require.False(t, list.Allows(header), header)
		require.True(t, origin.New(entries, domain.Development).Allows(header), header)
	}
	require.Equal(t, "loopback origins are left out in production: http://localhost:3000 http://127.0.0.1 http://[::1]",
		origin.Ignored(entries, domain.Production))
	require.Empty(t, origin.Ignored(entries, domain.Staging))
	require.Empty(t, origin.Ignored([]string{"https://app.example.org", "*"}, domain.Production))
}

func TestProblemTellsEachReasonOnce(t *testing.T) {
	require.Empty(t, origin.Problem([]string{"*", "https://app.example.org"}))
	require.Equal(t, "holds an entry that has a wildcard inside; list each origin, and one that has a port that is not 1-65535",
		origin.Problem([]string{"https://*.a", "https://*.b", "https://a:0"}))
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"https://app.example.org:443", "https://bücher.example", "http://[::1]:80", "https://*.a", "null", "a:b//"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := origin.Canonical(text)
		if err != nil {
			return
		}
		twice, err := origin.Canonical(once)
		require.NoError(t, err)
		require.Equal(t, once, twice)
		require.True(t, origin.New([]string{text}, domain.Staging).Allows(once))
		require.Empty(t, origin.Problem([]string{text}))
	})
}
