package kafka

import (
	"errors"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
)

// AcceptRecord hands one record over, outside any group, and demands an answer
// that the table knows and that is no panic.
func AcceptRecord(t *testing.T, c *Consumer, value []byte) {
	t.Helper()
	_, err := c.accept(t.Context(), kafkago.Message{Value: value})
	if errors.Is(err, errPanic) {
		t.Fatal(err)
	}
	if _, known := verdictOf(domain.CodeOf(err)); err != nil && !known {
		t.Fatalf("no verdict for %v", err)
	}
}
