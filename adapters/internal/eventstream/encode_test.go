package eventstream

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/eventstream"
)

// FuzzAppendData compares the encoder with a parser of the specification: the text arrives
// as one event, with every end of a line as LF, whatever it contains.
func FuzzAppendData(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "\r", "\r\n", "\n\r", "a\rb\nc\r\nd", " a", "data: x\n\nevent: close", "id: 5\r\rdata", ":", "\ufeffx", "a\x00b", "\u2028",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := eventstream.NewReader(strings.NewReader(string(appendData(nil, []byte(text))) + Comment + "data: next\n\n"))
		got, err := r.Next()
		require.NoError(t, err)
		want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
		require.Equal(t, eventstream.Event{Type: "message", Data: want}, got)
		next, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, eventstream.Event{Type: "message", Data: "next"}, next)
		require.Equal(t, 1, r.Comments)
	})
}

func TestEveryCloseIsJSON(t *testing.T) {
	for _, code := range domain.Codes() {
		end := closecode.For(&domain.Error{Code: code, Message: "a \"quoted\" text\nwith two lines"})
		event, err := eventstream.NewReader(strings.NewReader(string(AppendClose(nil, end, "id")))).Next()
		require.NoError(t, err)
		require.Equal(t, "close", event.Type)
		var data struct {
			Code   closecode.Status
			Reason struct {
				Code domain.Code `json:"error_code"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(event.Data), &data), event.Data)
		require.Equal(t, end.Status, data.Code)
		require.Equal(t, code, data.Reason.Code)
	}
}
