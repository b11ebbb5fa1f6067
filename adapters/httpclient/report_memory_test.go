package httpclient

import (
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocumentsAreParsedInBoundedMemory: parsing a document of the maximum size allocates at
// most four times its size.
func TestDocumentsAreParsedInBoundedMemory(t *testing.T) {
	fill := func(before, item, after string) []byte {
		return []byte(before + strings.Repeat(item, (maxResponseBody-len(before)-len(after)-1)/len(item)) + strings.TrimSuffix(item, ",") + after)
	}
	const end = `],"pagination":{"total":1}}`
	for name, body := range map[string][]byte{
		"small batches":    fill(`{"batches":[`, `{},`, end),
		"unknown statuses": fill(`{"batches":[`, `{"overall_status":"x"},`, end),
		"members":          fill(`{`, `"":0,`, `}`),
		"pagination":       fill(`{"batches":[],"pagination":{`, `"":0,`, `}}`),
		"members of batch": fill(`{"batches":[{`, `"":0,`, `}`+end),
		"one batch":        fill(`{"batches":[{"a":[`, `0,`, `]}`+end),
	} {
		t.Run(name, func(t *testing.T) {
			for _, parse := range []func() any{
				func() any { r, _ := readReport(body); return r },
				func() any { p, _ := readPage(body); return p },
			} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				kept := parse()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(kept)
				require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, 4*uint64(len(body)))
			}
		})
	}
}
