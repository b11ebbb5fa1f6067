package app_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// longestID is the longest id that a log can assign.
const longestID = "18446744073709551615-18446744073709551615"

// generated returns the data of a notification around the size of the limit. Its payload has
// names that the frame adds too, and text that becomes longer when it is quoted.
func generated(t *rapid.T) string {
	word := rapid.StringOf(rapid.RuneFrom([]rune{'a', '<', '"', '\\', 'é', '\u2028', '\x01', '😀'}))
	payload := map[string]any{}
	for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"n", "batch_id", "timestamp", "category", "<\u2028>", "text"}), 0, 4).Draw(t, "keys") {
		payload[key] = word.Draw(t, "value")
	}
	payload["fill"] = strings.Repeat("x", rapid.IntRange(0, 1200).Draw(t, "fill"))
	data, err := json.Marshal(map[string]any{
		"teacher_id": "t1", "notification_type": "k" + word.Draw(t, "kind"), "category": "batch_progress", "priority": "low",
		"payload": payload, "batch_id": word.Draw(t, "batch"),
	})
	require.NoError(t, err)
	return string(data)
}

// frameOf accepts data with a limit, 0 for none, and returns the published frame.
func frameOf(data string, limit int) ([]byte, error) {
	published := &recordingPublisher{}
	n := app.NewNotifications(app.NotificationConfig{Topic: domain.NotificationTopic, MaxBytes: limit}, published, nil, &memory.Facts{})
	if _, err := n.Accept(context.Background(), event(data)); err != nil {
		return nil, err
	}
	return published.published[0].Frame, nil
}

// TestAcceptedFramesFitTheLimit checks that an accepted notification is within the limit with any
// id that the log assigns, and that a refused one would exceed it.
func TestAcceptedFramesFitTheLimit(t *testing.T) {
	const limit = 1000
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		data := generated(t)
		unlimited, err := frameOf(data, 0)
		require.NoError(t, err)
		size := len(domain.WithID(unlimited, longestID))
		require.Equal(t, size, domain.MaxFrameSize(unlimited))
		frame, err := frameOf(data, limit)
		if err == nil {
			accepted++
			require.LessOrEqual(t, len(domain.WithID(frame, longestID)), limit)
			return
		}
		refused++
		require.Equal(t, domain.ValidationError, domain.CodeOf(err))
		require.Equal(t, domain.ReasonTooLarge, domain.As(err).Reason)
		require.Greater(t, size, limit-len("timestamp")-len(`"2026-01-02T03:04:05.000000Z"`))
	})
	require.Positive(t, accepted)
	require.Positive(t, refused)
}

func TestTheLimitIsExact(t *testing.T) {
	data := func(fill string) string {
		return `{` + least + `,"payload":{"f":"` + fill + `"},"timestamp":"2026-01-02T03:04:05Z"}`
	}
	frame, err := frameOf(data("xyz"), 0)
	require.NoError(t, err)
	exact := len(domain.WithID(frame, longestID))
	_, err = frameOf(data("xyz"), exact)
	require.NoError(t, err)
	_, err = frameOf(data("wxyz"), exact)
	require.Error(t, err)
}
