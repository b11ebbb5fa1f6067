package httpserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestDocumentsKeepEveryByte checks documents that an encoder would compact, escape or
// reorder.
func TestDocumentsKeepEveryByte(t *testing.T) {
	t.Parallel()
	w := newEnvironment(t)
	for _, document := range []string{
		"{ \"b\" : 1.50,\t\"a\":\n [ ] }", `{"html":"<b>&'</b>","\u0061":"\u00e5å\/","sep":"` + "\u2028" + `"}`,
		`{"n":123456789012345678901234567890,"e":1E+2,"a":1,"a":2}`, "{}\r\n", ` {}`,
	} {
		w.platform.AddBatch("b1", domain.BatchReport{Owner: "u1", Overall: "ready", Document: []byte(document)})
		r := call(t, http.MethodGet, w.base+"/v1/batches/b1/status", "", "Authorization: Bearer u1")
		require.Equal(t, 200, r.StatusCode)
		assert.Equal(t, `{"status":"ready","details":`+document+`}`, r.body)
	}
}
