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

// TestLocationsOfServicesBecomePathsOfTheGateway has the forms in which services name themselves.
func TestLocationsOfServicesBecomePathsOfTheGateway(t *testing.T) {
	l := newLocations([]string{"http://cms:5002", "http://cms:5002/base/", "http://bff", "https://tls", "http://odd:0080", "http://[::1]:5002", "", "%", "/path"})
	for value, want := range map[string]string{
		"http://cms:5002/v1/classes":                "/v1/classes",
		"https://CMS.:5002/v1/classes/a%2Cb?x=1#y":  "/v1/classes/a%2Cb?x=1#y",
		"http://cms:5002/base/v1/classes/a":         "/v1/classes/a",
		"//cms:5002/v1/classes/a":                   "/v1/classes/a",
		"http://user:secret@cms:5002/v1/classes/a":  "/v1/classes/a",
		"http://cms:05002/v1/classes/a":             "/v1/classes/a",
		"http://bff/v1/classes/a":                   "/v1/classes/a",
		"https://bff/v1/classes/a":                  "/v1/classes/a",
		"http://bff:80/v1/classes/a":                "/v1/classes/a",
		"http://tls/v1/classes/a":                   "/v1/classes/a",
		"https://tls:443/v1/classes/a":              "/v1/classes/a",
		"http://odd/v1/classes/a":                   "/v1/classes/a",
		"http://[0:0::1]:5002/v1/classes/a":         "/v1/classes/a",
		"/v1/other":                                 "/v1/other",
		"a/b":                                       "a/b",
		"mailto:x":                                  "mailto:x",
		"https://elsewhere/v1/classes":              "https://elsewhere/v1/classes",
		"http://cms/v1/classes":                     "http://cms/v1/classes",
		"http://cms:5003/v1/classes":                "http://cms:5003/v1/classes",
		"https://bff:80/v1/classes/a":               "/v1/classes/a",
		"http://bff:443/v1/classes/a":               "http://bff:443/v1/classes/a",
		"http://cms:5002/v1/classesx":               "",
		"http://cms:5002/internal":                  "",
		"http://cms:5002/v1/classes/%2e%2e/x":       "",
		"http://cms:5002/base/internal/v1/classes/": "",
		`http://cms:5002\v1`:                        "",
		`\\cms:5002\v1`:                             "",
		`/\cms:5002/v1/classes`:                     "",
		"//":                                        "//",
		"http:cms:5002":                             "",
		"https:/v1/classes":                         "",
		"http:///v1/classes":                        "",
		"/a//b":                                     "/a//b",
		"%":                                         "",
	} {
		got, kept := l.rewrite(value, "/v1/classes")
		if !kept {
			got = ""
		}
		if got != want {
			t.Errorf("%q became %q, want %q", value, got, want)
		}
	}
	if got, kept := l.rewrite(" http://cms:5002/v1/classes ", "/v1/classes"); !kept || got != "/v1/classes" {
		t.Errorf("blanks around a location are not removed: got %q, %t", got, kept)
	}
}
