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
	// panicAttempts is the number of panics after which a record is a dead letter.
	panicAttempts = 3
	// unknownAttempts is the number of unknown failures, each with a successful control,
	// after which a record is a dead letter, if they took at least unknownDuration.
	unknownAttempts = 10
	// unknownDuration is the default of the time that the unknown failures of a record must last
	// before it becomes a dead letter.
	unknownDuration = 60 * time.Second
	// controlTimeout limits one control.
	controlTimeout = 5 * time.Second
	// logInterval is the minimum time between two log lines about the unknown failures of
	// one record.
	logInterval = 10 * time.Second
	// maxReason is the maximum length of the reason in a dead letter, in bytes.
	maxReason = 512
)

// recordState is a record with the counts of its panics, failures of unknown cause and failed
// look-ups, which decide when retrying ends. It is not safe for concurrent use.
type recordState struct {
	record  kafkago.Message
	lookups *lookups // of the record's partition
	panics  int
	// failures is the number of unknown failures since the last failed control, and
	// firstFailure the time of the first one.
	failures     int
	firstFailure time.Time
	// logged identifies the last logged failure.
	logged   string
	loggedAt time.Time
	// lookupFailures is the number of failed requests for the record.
	lookupFailures int
}

// handleUnknown handles a failure of unknown cause. It returns nil if it has written the record
// to the dead-letter topic, and an error if the record must be repeated.
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
	if t.failures >= unknownAttempts && time.Since(t.firstFailure) >= c.config.FinalAfter {
		return c.writeDeadLetter(ctx, t, cause)
	}
	return cause
}

// runControl makes the application publish a fixed notification to a test user. It returns nil
// if that succeeds; then the record is the cause of its failure.
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

// logChange logs an unknown failure, but at most every logInterval and only if the error,
// apart from digits, or the outcome of the control has changed.
func (c *Consumer) logChange(ctx context.Context, t *recordState, cause, control error) {
	identity := withoutDigits(fmt.Sprint(cause, control == nil))
	if identity == t.logged || !t.loggedAt.IsZero() && time.Since(t.loggedAt) < logInterval {
		return
	}
	t.logged, t.loggedAt = identity, time.Now()
	c.log.WarnContext(ctx, "a notification fails with an unknown error; its partition is kept",
		"partition", t.record.Partition, "offset", t.record.Offset, "error", cause,
		"control_succeeded", control == nil && !errors.Is(cause, errPanic), "control_error", control)
}

// withoutDigits replaces each digit by "#".
func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '#'
		}
		return r
	}, s)
}

// panicked returns the error of an attempt that panicked. Its public message does not contain
// the value of the panic, which may contain parts of the record.
func panicked(op string, value any) error {
	return domain.Unknown(fmt.Errorf("%w: %v", errPanic, value)).WithOp(op)
}

// reason returns why the record can never succeed, for the dead letter: the code, the public
// message and, if a store rejected the record, its reply.
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
