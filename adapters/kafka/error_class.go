package kafka

import (
	"crypto/tls"
	"errors"
	"net"

	kafkago "github.com/segmentio/kafka-go"
)

// outcome is what an error of a produce request says about the record.
type outcome uint8

const (
	// unknown: the record may be on the topic or not.
	unknown outcome = iota
	// recordTooLarge: this record, or this batch, is over a limit of the broker.
	recordTooLarge
	// recordInvalid: the broker rejects this record for what is in it.
	recordInvalid
	// misconfigured: the topic, the rights or the settings of the broker or of
	// this service do not allow publishing.
	misconfigured
)

// errorClass is how the producer and the publisher treat an error.
type errorClass struct {
	outcome outcome
	// retried: the same request may be confirmed within the sender's time.
	retried bool
}

// recordRetries is how often one record is sent again whose checksum the broker
// finds wrong: the records behind it wait.
const recordRetries = 3

// retries reports whether the request is sent again after the attempt, counted
// from 0.
func (r errorClass) retries(attempt int) bool {
	return r.retried && (r.outcome != recordInvalid || attempt < recordRetries)
}

// perRecord reports whether the refusal may concern only some records of a batch.
// An unexpected error of the broker may, too.
func (r errorClass) perRecord() bool {
	return r.outcome == recordTooLarge || r.outcome == recordInvalid || (r.outcome == unknown && !r.retried)
}

// classifyError classifies an error: the broker's own code by refusalOfCode, a failed
// TLS handshake as misconfigured, everything else as a failure on the way, which
// is tried again. nil is treated like such a failure; callers test for it first.
func classifyError(err error) errorClass {
	if code, ok := errors.AsType[kafkago.Error](err); ok {
		return classifyCode(code)
	}
	if handshakeFailed(err) {
		return errorClass{outcome: misconfigured}
	}
	return errorClass{outcome: unknown, retried: true}
}

// retryable reports whether the same request may be confirmed later.
func retryable(err error) bool { return classifyError(err).retried }

// handshakeFailed reports whether TLS could not be agreed on: this side does not
// trust the broker, the broker refuses this side, or it speaks no TLS.
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
