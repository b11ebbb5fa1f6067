package console_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/console"
)

func TestFilterSelectsNotifications(t *testing.T) {
	frame := []byte(`{"event":"hello","data":{"priority":"high","batch_id":"b1"}}`)
	for name, c := range map[string]struct {
		filter console.Filter
		frame  []byte
		want   bool
	}{
		"no filter":            {console.Filter{}, frame, true},
		"no filter, no JSON":   {console.Filter{}, []byte("text"), true},
		"type":                 {console.Filter{Type: "hello"}, frame, true},
		"another type":         {console.Filter{Type: "bye"}, frame, false},
		"all":                  {console.Filter{Type: "hello", Priority: "high", Batch: "b1"}, frame, true},
		"another priority":     {console.Filter{Type: "hello", Priority: "low"}, frame, false},
		"another batch":        {console.Filter{Batch: "b2"}, frame, false},
		"no JSON":              {console.Filter{Batch: "b2"}, []byte("text"), false},
		"members of no string": {console.Filter{Batch: "b2"}, []byte(`{"event":1,"data":[]}`), false},
	} {
		require.Equal(t, c.want, c.filter.Matches(c.frame), name)
	}
}
