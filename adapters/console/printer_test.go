package console_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/console"
)

func printed(json bool, frame string) string {
	var out strings.Builder
	p := console.Printer{Out: &out, JSON: json}
	p.PrintStatus("connected")
	p.PrintFrame([]byte(frame))
	return out.String()
}

const frame = `{"event":"batch_spellcheck_completed","data":{"corrected":4,"batch_id":"b1","priority":"low","deadline":null,"category":"batch_progress"},"id":"1-0"}`

func TestPrinterFormatsNotifications(t *testing.T) {
	out := printed(false, strings.Replace(frame, `"1-0"`, `""`, 1))
	require.Regexp(t, `^\d\d:\d\d:\d\d  -- connected\n\d\d:\d\d:\d\d  batch_spellcheck_completed +low  b1  corrected=4\n$`, out)
}

// TestPrinterShowsWhenANotificationWasStored checks the time of one that is replayed much later.
func TestPrinterShowsWhenANotificationWasStored(t *testing.T) {
	require.Contains(t, printed(false, frame), "\n"+time.UnixMilli(1).Format(time.DateTime)+"  batch_spellcheck_completed")
}

func TestPrinterJSONWritesOnlyFrames(t *testing.T) {
	require.Equal(t, frame+"\n", printed(true, frame))
}

func TestPrinterReplacesControlCharacters(t *testing.T) {
	require.NotContains(t, printed(false, "\x1b[2Jboo"), "\x1b")
	require.NotContains(t, printed(false, `{"event":"\u001b[2J","data":{"a":"\u0007"}}`), "\x1b")
	require.Contains(t, printed(false, "plain text"), "plain text")
}
