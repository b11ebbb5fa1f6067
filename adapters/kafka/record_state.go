package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/huleedu/edge/domain"
)

const (
	// panicAttempts is how many panics make a record a dead letter.
	panicAttempts = 3
	// unknownAttempts is how many unknown failures, each with a control that
	// succeeded, make a record a dead letter, over doubtTime at least.
	unknownAttempts = 10
	unknownDuration = 60 * time.Second
	// controlTimeout bounds one control.
	controlTimeout = 5 * time.Second
	// logInterval is the least time between two log lines about one record's unknown
	// failures, however often they change.
	logInterval = 10 * time.Second
	// maxReason bounds, in bytes, the reason of a dead letter.
	maxReason = 512
)

// recordState counts the failed attempts of one record.
type recordState struct {
	record         kafkago.Message
	lookups        *lookups // of the record's partition
	panics         int
	failures       int       // unknown ones since the last control that failed
	firstFailure   time.Time // the first of them
	logged         string    // what the last log line was about
	loggedAt       time.Time
	lookupFailures int // attempts to read the original that failed
}

// handleUnknown handles a failure of unknown cause. It returns nil once the record is a dead
// letter.
func (c *Consumer) handleUnknown(ctx context.Context, t *recordState, cause error) error {
	if errors.Is(cause, errPanic) {
		t.panics++
		c.logChange(ctx, t, cause, nil)
		if t.panics >= panicAttempts {
			return c.writeDeadLetter(ctx, t, cause)
		}
		return cause
	}
	control := c.runControl(ctx, t.record)
	if ctx.Err() != nil {
		return cause
	}
	c.logChange(ctx, t, cause, control)
	if control != nil {
		t.failures = 0
		return cause
	}
	if t.failures == 0 {
		t.firstFailure = time.Now()
	}
	t.failures++
	if t.failures >= unknownAttempts && time.Since(t.firstFailure) >= c.config.finalAfter() {
		return c.writeDeadLetter(ctx, t, cause)
	}
	return cause
}

// runControl asks the application whether it can do for a test user what it could
// not do for the record. Nil: it can, so the record is the cause.
func (c *Consumer) runControl(ctx context.Context, m kafkago.Message) (err error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = panicked("kafka.Control", p)
		}
	}()
	event, err := domain.ParseEnvelope(m.Value)
	if err != nil {
		return err
	}
	return c.notifications.Control(ctx, event)
}

// logChange logs an unknown failure once, and again when it is another one or the
// control has another outcome. Numbers do not count as a change.
func (c *Consumer) logChange(ctx context.Context, t *recordState, cause, control error) {
	about := withoutDigits(fmt.Sprint(cause, control == nil))
	if about == t.logged || !t.loggedAt.IsZero() && time.Since(t.loggedAt) < logInterval {
		return
	}
	t.logged, t.loggedAt = about, time.Now()
	c.log.WarnContext(ctx, "a notification fails with an unknown error; its partition is kept",
		"partition", t.record.Partition, "offset", t.record.Offset, "error", cause,
		"control_succeeded", control == nil && !errors.Is(cause, errPanic), "control_error", control)
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '#'
		}
		return r
	}, s)
}

// panicked is the error of an attempt that panicked. The value of the panic stays
// private: it may hold parts of the record.
func panicked(op string, value any) error {
	return domain.Unknown(fmt.Errorf("%w: %v", errPanic, value)).WithOp(op)
}

// reason tells in a dead letter why the record can never succeed: the code, the
// public message and, where a store refused the record, its reply.
func reason(cause error) string {
	text := string(domain.CodeOf(cause)) + ": " + domain.PublicMessage(cause)
	if reply, ok := errors.AsType[*domain.StoreReply](cause); ok {
		text += ": " + reply.Text
	}
	if errors.Is(cause, errPanic) {
		text += ": " + errPanic.Error()
	}
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "")
	}
	return text
}
