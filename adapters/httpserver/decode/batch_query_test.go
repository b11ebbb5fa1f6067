package decode_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver/decode"
	"github.com/huleedu/edge/adapters/internal/httpreason"
	"github.com/huleedu/edge/domain"
)

func TestListQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]domain.BatchQuery{
		"": {Limit: 20}, "limit=1&offset=7": {Limit: 1, Offset: 7}, "limit=100": {Limit: 100},
		"status=ready": {Limit: 20, Status: domain.Ready}, "limit=5&limit=6": {Limit: 6}, "status=": {Limit: 20}, "status=ready&status=": {Limit: 20}, "other=1": {Limit: 20},
	} {
		values, _ := url.ParseQuery(query)
		got, err := decode.BatchQuery(values)
		require.NoError(t, err, query)
		assert.Equal(t, want, got, query)
	}
	for query, want := range map[string]string{
		"limit=0":           `[{"type":"greater_than_equal","loc":["query","limit"],"msg":"Input should be greater than or equal to 1","input":"0","ctx":{"ge":1}}]`,
		"limit=101":         `[{"type":"less_than_equal","loc":["query","limit"],"msg":"Input should be less than or equal to 100","input":"101","ctx":{"le":100}}]`,
		"offset=2147483648": `[{"type":"less_than_equal","loc":["query","offset"],"msg":"Input should be less than or equal to 2147483647","input":"2147483648","ctx":{"le":2147483647}}]`,
		"limit=&offset=-1": `[{"type":"int_parsing","loc":["query","limit"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":""},` +
			`{"type":"greater_than_equal","loc":["query","offset"],"msg":"Input should be greater than or equal to 0","input":"-1","ctx":{"ge":0}}]`,
	} {
		values, _ := url.ParseQuery(query)
		_, err := decode.BatchQuery(values)
		assert.Equal(t, httpreason.SchemaViolation, domain.As(err).Reason)
		got, _ := json.Marshal(domain.As(err).Details["validation_errors"])
		assert.Equal(t, want, string(got))
	}
}
