package httpclient

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// FuzzReadReport removes the owner from any text: the rest is JSON with the same other members,
// and only one range of bytes is missing.
func FuzzReadReport(f *testing.F) {
	for _, seed := range []string{
		`{"user_id":"anna","overall_status":"ready"}`, ` { "a" : [ {"user_id":1} , "}" ] , "user_id" : "x" } `,
		`{"a":"\\","user\u005fid":"\"","b":{}}`, `{"user_id":[],"c":-1e5}`, `{}`, `[]`, `null`, `{"user_id":1,"user_id":2}`,
		`{"user_id":true}`, `{"a":1,"a":2,"user_id":"x"}`, `{"\ud800":1,"user_id":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		given := bytes.Clone(body)
		report, err := readReport(body)
		require.Equal(t, given, body, "the input is unchanged")
		var before map[string]any
		if json.Unmarshal(body, &before) != nil || before == nil {
			require.Error(t, err)
			return
		}
		if err != nil {
			require.ErrorIs(t, err, errTwoOwners)
			return
		}
		var after map[string]any
		require.NoError(t, json.Unmarshal(report.Document, &after))
		owner, _ := before[ownerKey].(string)
		require.Equal(t, domain.UserID(owner), report.Owner)
		overall, _ := before[overallKey].(string)
		require.Equal(t, overall, report.Overall)
		maps.DeleteFunc(before, func(k string, _ any) bool { return k == ownerKey })
		require.Equal(t, before, after)
		requireOneCut(t, body, report.Document)
	})
}

// requireOneCut requires that after is before without one range of bytes.
func requireOneCut(t *testing.T, before, after []byte) {
	t.Helper()
	same := 0
	for same < len(after) && before[same] == after[same] {
		same++
	}
	require.True(t, bytes.HasSuffix(before, after[same:]), "%q -> %q", before, after)
}

// FuzzReadPage reads any text as a page: the documents are JSON without an owner, in which the
// status can be replaced.
func FuzzReadPage(f *testing.F) {
	f.Add([]byte(`{"batches":[{"user_id":"a","overall_status":"READY"},{ }],"pagination":{"total":2}}`))
	f.Add([]byte(`{"batches":[{"overall_status":{},"overall_status":"x"}],"pagination":{"total":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := readPage(body)
		if err != nil {
			require.Zero(t, page)
			return
		}
		for _, batch := range page.Batches {
			var m map[string]any
			require.NoError(t, json.Unmarshal(batch.Document(domain.Ready), &m))
			require.NotContains(t, m, ownerKey)
			require.Equal(t, string(domain.Ready), m[overallKey])
		}
	})
}

// BenchmarkReadReport reads a batch of about 20 KB.
func BenchmarkReadReport(b *testing.B) {
	body := []byte(`{"batch_id":"b1","user_id":"anna","overall_status":"ready","essays":[` +
		string(bytes.Repeat([]byte(`{"essay_id":"e","spellcheck_status":"completed","cj_score":0.25},`), 300)) + `{}]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := readReport(body); err != nil {
			b.Fatal(err)
		}
	}
}
