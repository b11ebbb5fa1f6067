package httpserver_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
)

const canonical = "0f8fad5b-d9cb-469f-a165-70867728950e"

func TestCorrelationIDOfTheClientIsKept(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, spelling := range []string{
		canonical, strings.ToUpper(canonical), "{" + canonical + "}", "urn:uuid:" + canonical, "URN:UUID:" + canonical,
		strings.ReplaceAll(canonical, "-", ""), "{" + strings.ReplaceAll(canonical, "-", "") + "}",
	} {
		r := call(t, http.MethodGet, w.base+"/nowhere", "", "X-Correlation-ID: "+spelling)
		assert.Equal(t, canonical, r.Header.Get("X-Correlation-ID"), spelling)
		assert.NotEqual(t, canonical, r.Header.Get("X-Request-ID"))
	}
	r := call(t, http.MethodGet, w.base+"/nowhere?correlation_id="+canonical, "")
	assert.Equal(t, canonical, r.Header.Get("X-Correlation-ID"), "the query is used without a header")
	r = call(t, http.MethodGet, w.base+"/nowhere?correlation_id="+uuid.NewString(), "", "X-Correlation-ID: "+canonical)
	assert.Equal(t, canonical, r.Header.Get("X-Correlation-ID"), "the header has precedence")
}

func TestInvalidCorrelationIDIsReplaced(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, spelling := range []string{
		"x", "'; drop table", "(" + canonical + ")", "{" + canonical, "xx" + canonical, canonical + "0",
		"urn:uuid:{" + canonical + "}", "0f8fad5bd9cb-469f-a165-70867728950e", strings.Repeat("g", 32),
	} {
		r := call(t, http.MethodGet, w.base+"/nowhere", "", "X-Correlation-ID: "+spelling)
		id, err := uuid.Parse(r.Header.Get("X-Correlation-ID"))
		require.NoError(t, err)
		assert.NotEqual(t, canonical, id.String(), spelling)
		assert.Equal(t, uuid.Version(4), id.Version())
	}
	assert.Contains(t, w.log.String(), `"correlation_id_replaced":true`)
}

func FuzzCanonicalUUID(f *testing.F) {
	for _, seed := range []string{"", canonical, "{" + canonical + "}", "urn:uuid:" + canonical, strings.ReplaceAll(canonical, "-", "")} {
		f.Add(seed)
	}
	bare := regexp.MustCompile(`^(?i)([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})$`)
	f.Fuzz(func(t *testing.T, s string) {
		inner := s
		if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") && len(s) > 1 {
			inner = s[1 : len(s)-1]
		} else if len(s) > 9 && strings.EqualFold(s[:9], "urn:uuid:") {
			inner = s[9:]
		}
		id, ok := httpserver.CanonicalUUID(s)
		require.Equal(t, bare.MatchString(inner), ok, "%q", s)
		if ok {
			require.Equal(t, strings.ToLower(strings.ReplaceAll(inner, "-", "")), strings.ReplaceAll(id, "-", ""))
			again, good := httpserver.CanonicalUUID(id)
			require.True(t, good)
			require.Equal(t, id, again)
		}
	})
}
