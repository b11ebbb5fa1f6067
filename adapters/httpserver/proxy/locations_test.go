package proxy

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzLocation checks that no result is the address of a service or a path outside the prefix.
func FuzzLocation(f *testing.F) {
	for _, seed := range []string{
		"http://cms:5002/v1/classes/", "https://CMS:5002/base/v1/classes/a?b#c", "//cms:5002/v1/classes/%2e%2e/x", "http://cms.:5002/v1/classes",
		"http://[::1]:5002/v1/classes", "http://bff/v1/classes", "/v1/x", "http:cms:5002", `\\cms:5002\v1`, "http://u:p@cms:5002/v1/classes//", "mailto:x", "%",
	} {
		f.Add(seed)
	}
	l := newLocations([]string{"http://cms:5002", "http://cms:5002/base", "http://bff", "http://[::1]:5002"})
	f.Fuzz(func(t *testing.T, value string) {
		out, kept := l.rewrite(value, "/v1/classes")
		if !kept {
			return
		}
		u, err := url.Parse(strings.TrimSpace(out))
		if err != nil {
			t.Fatalf("%q became %q: %v", value, out, err)
		}
		for _, s := range l.services {
			if u.Host != "" && s.matches(u) {
				t.Fatalf("%q became %q, which is a service", value, out)
			}
		}
		if out != value && (u.Host != "" || !isBelow(u.EscapedPath(), "/v1/classes") || IsUnsafePath(u.EscapedPath())) {
			t.Fatalf("%q became %q, which is outside of the prefix", value, out)
		}
	})
}
