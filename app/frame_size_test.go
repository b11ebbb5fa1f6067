package app_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// longestID is the longest id that a log can assign.
const longestID = "18446744073709551615-18446744073709551615"

// generated is the data of a notification around the size of the limit: keys that
// the frame adds, words that become longer when they are quoted, payload keys of
// the frame's own names.
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

// Whatever is accepted is a frame that every listener delivers, whatever id the
// log assigns; whatever is refused for its size would be one that is dropped.
func TestWhatIsAcceptedFitsTheLimitAsAFrame(t *testing.T) {
	const limit = 1000
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		data := generated(t)
		free, bounded := &recordingPublisher{}, &recordingPublisher{}
		everything := app.NewNotifications(app.NotificationConfig{Topic: domain.NotificationTopic}, free, nil, &recordingObserver{})
		limited := app.NewNotifications(app.NotificationConfig{Topic: domain.NotificationTopic, MaxBytes: limit}, bounded, nil, &recordingObserver{})
		_, err := everything.Accept(context.Background(), event(data))
		require.NoError(t, err)
		size := len(domain.WithID(free.published[0].Frame, longestID))
		require.Equal(t, size, domain.MaxFrameSize(free.published[0].Frame))
		_, err = limited.Accept(context.Background(), event(data))
		if err == nil {
			accepted++
			require.LessOrEqual(t, len(domain.WithID(bounded.published[0].Frame, longestID)), limit)
			return
		}
		refused++
		require.Equal(t, domain.ValidationError, domain.CodeOf(err))
		require.Equal(t, domain.ReasonTooLarge, domain.As(err).Reason)
		require.Empty(t, bounded.published)
		require.Greater(t, size, limit-len("timestamp")-len(`"2026-01-02T03:04:05.000000Z"`))
	})
	require.Positive(t, accepted)
	require.Positive(t, refused)
}

func TestTheLimitIsExact(t *testing.T) {
	frame := func(limit int, fill string) error {
		d := app.NewNotifications(app.NotificationConfig{Topic: domain.NotificationTopic, MaxBytes: limit}, &recordingPublisher{}, nil, &recordingObserver{})
		_, err := d.Accept(context.Background(), event(`{`+least+`,"payload":{"f":"`+fill+`"},"timestamp":"2026-01-02T03:04:05Z"}`))
		return err
	}
	sent := &recordingPublisher{}
	all := app.NewNotifications(app.NotificationConfig{Topic: domain.NotificationTopic}, sent, nil, &recordingObserver{})
	_, err := all.Accept(context.Background(), event(`{`+least+`,"payload":{"f":"xyz"},"timestamp":"2026-01-02T03:04:05Z"}`))
	require.NoError(t, err)
	exact := len(domain.WithID(sent.published[0].Frame, longestID))
	require.NoError(t, frame(exact, "xyz"))
	require.Error(t, frame(exact, "wxyz"))
}
