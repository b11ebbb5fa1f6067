package httpserver_test

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/adapters/httpserver/proxy"
)

// interpretations returns all paths that a service could read: decoded any number of times by
// a lenient decoder, with backslashes as slashes, without parameters, with dots resolved.
func interpretations(sent string) []string {
	var places []string
	for range 1 << 10 {
		segments := strings.Split(strings.ReplaceAll(sent, `\`, "/"), "/")
		for i, s := range segments {
			name, _, _ := strings.Cut(s, ";")
			segments[i] = strings.Trim(name, " \x00")
		}
		places = append(places, path.Clean(strings.Join(segments, "/")), path.Clean(strings.ReplaceAll(sent, `\`, "/")))
		decoded := escape().ReplaceAllStringFunc(sent, func(e string) string {
			c, _ := strconv.ParseUint(e[1:], 16, 8)
			return string([]byte{byte(c)})
		})
		if decoded == sent {
			return places
		}
		sent = decoded
	}
	return append(places, "/endless")
}

func escape() *regexp.Regexp { return regexp.MustCompile(`%[0-9a-fA-F]{2}`) }

// requireBelow checks that no interpretation of a path leaves its prefix.
func requireBelow(tb testing.TB, prefix, sent string) {
	tb.Helper()
	for _, place := range interpretations(sent) {
		require.True(tb, place == prefix || strings.HasPrefix(place, prefix+"/"), "%q can be interpreted as %q", sent, place)
	}
}

// requestPath sends a path and checks which path the service received. passed is false if the
// request was refused.
func requestPath(tb testing.TB, w *environment, b *backend, sent string) (passed bool) {
	tb.Helper()
	b.drain()
	answer := sendRaw(tb, w.Addr(), "GET "+sent+" HTTP/1.1\r\nHost: gateway\r\n"+bearer+"\r\nConnection: close\r\n\r\n")
	seen := b.drain()
	if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		require.Empty(tb, seen, answer)
		return false
	}
	require.Len(tb, seen, 1)
	target, query, _ := strings.Cut(seen[0].target(), "?")
	sentPath, sentQuery, _ := strings.Cut(sent, "?")
	require.Equal(tb, sentQuery, query)
	if sentPath == "/v1/classes" {
		sentPath += "/"
	}
	if safePathPattern().MatchString(sentPath) {
		require.Equal(tb, sentPath, target, "unchanged")
	}
	prefix := "/v1/classes"
	if strings.HasPrefix(target, "/bff/") {
		prefix = "/bff/v1/teacher"
	}
	requireBelow(tb, prefix, target)
	return true
}

// safePathPattern matches paths that need no correction.
func safePathPattern() *regexp.Regexp {
	return regexp.MustCompile(`^([a-zA-Z0-9/._~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2})*$`)
}

func TestPathsStayBelowTheirPrefix(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	refused := 0
	for _, up := range []string{"..", "%2e%2e", ".%2E", "%252e%252e", "..;", "..;x=1", "%2e%2e%3b", "..%3Bx", "..%20", "%20..", ".", "%2E", "%25252e."} {
		for _, slash := range []string{"/", "%2f", "%2F", "%252f", "%25252F", `\`, "%5c", "%255C", "%25%32%66", "%2%35%63"} {
			for _, form := range []string{"/v1/classes/" + up + slash + "x", "/v1/classes" + slash + up + slash + up, "/v1/classes/a" + slash + up, "/bff/v1/teacher/" + up + slash + up + slash + "internal"} {
				answer := sendRaw(t, w.Addr(), "GET "+form+" HTTP/1.1\r\nHost: h\r\n"+bearer+"\r\nConnection: close\r\n\r\n")
				require.True(t, strings.HasPrefix(answer, "HTTP/1.1 400 "), "%s: %s", form, answer)
				refused++
			}
		}
	}
	require.Equal(t, 13*10*4, refused)
	require.Empty(t, b.drain())
	for _, good := range []string{
		"/v1/classes/a.b", "/v1/classes/..a", "/v1/classes/a..", "/v1/classes/...", "/v1/classes//a//", "/v1/classes/a;b=..", "/v1/classes/100%25",
		"/v1/classes/%25zz", "/v1/classes/a%3Fb%23c", "/v1/classes/%C3%A5", "/v1/classes/a?x=../..%2f..", "/bff/v1/teacher/a:b@c,d", "/v1/classes/%7Ea%2eb",
	} {
		require.True(t, requestPath(t, w, b, good), good)
	}
}

// TestAnyPathStaysBelowItsPrefix draws paths from the parts of known attacks.
func TestAnyPathStaysBelowItsPrefix(t *testing.T) {
	b := newBackend(t)
	w := newEnvironment(t, withService(t, b.url))
	pieces := []string{".", "..", "/", "%", "2", "5", "e", "f", "c", "%2e", "%2f", "%25", "%5c", `\`, ";", "%3b", "a", "%20", "%00", "%c0%af", "//", "%u002e", "+", "é"}
	rapid.Check(t, func(rt *rapid.T) {
		rest := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(rt, "pieces"), "")
		prefix := rapid.SampledFrom([]string{"/v1/classes/", "/v1/classes", "/bff/v1/teacher/"}).Draw(rt, "prefix")
		requestPath(t, w, b, prefix+rest)
	})
}

// FuzzPaths sends any path over a real socket. The service receives a path below the prefix,
// in any interpretation, or no request.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{
		"a/b", "../x", "%2e%2e/x", "..%2fx", "%252e%252e%252fx", `..\x`, "..;/x", "a?b=c/../d", "%zz", "%", "a%2", "#..", "%25%32%65%25%32%65", "//x", ";/../", "%c0%ae%c0%ae/",
	} {
		f.Add(seed)
	}
	b := newBackend(f)
	w := newEnvironment(f, withService(f, b.url))
	f.Fuzz(func(t *testing.T, rest string) {
		if strings.ContainsAny(rest, " \r\n") {
			t.Skip("it is another request line")
		}
		requestPath(t, w, b, "/v1/classes/"+rest)
	})
}

// FuzzIsUnsafePath checks the same readings without a socket.
func FuzzIsUnsafePath(f *testing.F) {
	for _, seed := range []string{"a/../b", "%2e%2e", "a%2fb", "ok/path", "..;/x", "%2525252e%2525252e"} {
		f.Add(seed)
	}
	f.Add(strings.Repeat("%25", 50) + "2f..")
	f.Fuzz(func(t *testing.T, rest string) {
		if !proxy.IsUnsafePath("/v1/classes/" + rest) {
			requireBelow(t, "/v1/classes", "/v1/classes/"+rest)
		}
	})
}

func TestPathCheckIsBounded(t *testing.T) {
	t.Parallel()
	require.True(t, proxy.IsUnsafePath("/v1/classes/%"+strings.Repeat("25", 15<<10)))
	require.False(t, proxy.IsUnsafePath("/v1/classes/%25252525252525"))
}
