package harness

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
)

// Notification returns the record of a notification with the type "stored" and a number in its
// payload. A second record with the same event is a repetition.
func Notification(topic domain.Topic, user, event string, n int) kafka.Message {
	value, err := json.Marshal(domain.Envelope{
		EventID: event, EventType: string(topic), EventTimestamp: time.Now().UTC(),
		SourceService: "batch_orchestrator_service", SchemaVersion: domain.SchemaVersion, CorrelationID: uuid.NewString(),
		Data: fmt.Appendf(nil, `{"teacher_id":%q,"notification_type":"stored","category":"batch_progress",`+
			`"priority":"low","payload":{"n":%d}}`, user, n),
	})
	if err != nil {
		panic(err) // cannot happen: the values are plain
	}
	return kafka.Message{Key: []byte(user), Value: value}
}

// DirectMessage returns a message with the type "direct" and a number, as other services publish it on Redis.
func DirectMessage(n int) string { return fmt.Sprintf(`{"event":"direct","data":{"n":%d}}`, n) }
