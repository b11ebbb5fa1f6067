package kafka

import (
	"crypto/tls"
	"errors"
	"net"

	kafkago "github.com/segmentio/kafka-go"
)

// outcome is what an error of a produce request means for the record.
type outcome uint8

const (
	// unknown means that the record may be on the topic or not.
	unknown outcome = iota
	// recordTooLarge means that the record or the batch exceeds a limit of the broker.
	recordTooLarge
	// recordInvalid means that the broker rejects the record for its content.
	recordInvalid
	// misconfigured means that the topic, the permissions, or the settings of the broker or of
	// this service do not allow publishing.
	misconfigured
)

// errorClass is how the producer and the publisher handle an error.
type errorClass struct {
	outcome outcome
	// retried: the same request may succeed within the sender's deadline.
	retried bool
}

// recordRetries is how often a record is sent again whose checksum the broker rejects. The
// records behind it wait.
const recordRetries = 3

// retries returns true if the request must be sent again after the attempt, counted from 0.
func (c errorClass) retries(attempt int) bool {
	return c.retried && (c.outcome != recordInvalid || attempt < recordRetries)
}

// perRecord returns true if the error may concern only some records of a batch. This
// includes an unexpected error of the broker.
func (c errorClass) perRecord() bool {
	return c.outcome == recordTooLarge || c.outcome == recordInvalid || (c.outcome == unknown && !c.retried)
}

// classifyError returns the class of an error: of the broker's error code by classifyCode,
// misconfigured for a failed TLS handshake, and a retried unknown outcome for all others,
// such as a broken connection. A nil error gets the last class too; callers test for nil.
func classifyError(err error) errorClass {
	if code, ok := errors.AsType[kafkago.Error](err); ok {
		return classifyCode(code)
	}
	if handshakeFailed(err) {
		return errorClass{outcome: misconfigured}
	}
	return errorClass{outcome: unknown, retried: true}
}

// retryable returns true if the same request may succeed later.
func retryable(err error) bool { return classifyError(err).retried }

// handshakeFailed returns true if the TLS handshake failed: this side does not trust the
// broker, the broker rejects this side, or the broker does not use TLS.
func handshakeFailed(err error) bool {
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return true
	}
	if _, plain := errors.AsType[tls.RecordHeaderError](err); plain {
		return true
	}
	alert, ok := errors.AsType[*net.OpError](err)
	return ok && alert.Op == "remote error"
}
