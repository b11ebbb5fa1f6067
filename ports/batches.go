package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// BatchStatusClient asks the platform about batches, in the caller's name. It
// does not judge who owns what.
//
// Concurrency: safe for any number of callers. Blocking: until the platform
// answered, the adapter's own deadline passed or ctx is done. Errors:
// RESOURCE_NOT_FOUND for a batch that the platform does not know,
// EXTERNAL_SERVICE_ERROR for any other answer that is no success,
// INVALID_RESPONSE for one that cannot be understood, CONNECTION_ERROR when
// nobody answers, TIMEOUT when nobody answers in time, VALIDATION_ERROR for an
// id that cannot be asked about; SERVICE_UNAVAILABLE and CIRCUIT_BREAKER_OPEN,
// both at once and with nothing sent, when too many are asking already or the
// last questions failed. A caller who left shows as context.Canceled in the
// error's chain. Questions are repeated, once at most, only where nothing was
// answered; nothing else is ever sent twice.
type BatchStatusClient interface {
	// Status reports on one batch.
	Status(ctx context.Context, caller domain.Caller, batch domain.BatchID) (domain.BatchReport, error)
	// List reports on a page of the caller's own batches, in the platform's order.
	List(ctx context.Context, caller domain.Caller, query domain.BatchQuery) (domain.BatchPage, error)
}

// PreflightChecker asks the orchestrator whether a pipeline may start.
//
// Concurrency and blocking as for BatchStatusClient. Errors: none for an
// answer that the contract passes on (it comes as a refusal);
// EXTERNAL_SERVICE_ERROR, INVALID_RESPONSE, CONNECTION_ERROR, TIMEOUT,
// SERVICE_UNAVAILABLE, CIRCUIT_BREAKER_OPEN and VALIDATION_ERROR as above. When
// in doubt it refuses: no answer is never a permission.
type PreflightChecker interface {
	// Check asks for one pipeline on one batch.
	Check(ctx context.Context, caller domain.Caller, batch domain.BatchID, pipeline domain.Pipeline) (domain.Verdict, error)
}

// BatchRegistry tells the orchestrator of new batches and of their prompts. The
// orchestrator judges what is right; its word is passed on whatever it is.
//
// Concurrency and blocking as for BatchStatusClient. Errors: none for an answer
// that is JSON, whatever its status; INVALID_RESPONSE for any other answer,
// CONNECTION_ERROR, TIMEOUT, CIRCUIT_BREAKER_OPEN and VALIDATION_ERROR as above,
// SERVICE_UNAVAILABLE also where there is no orchestrator. After a TIMEOUT,
// CONNECTION_ERROR or INVALID_RESPONSE it is unknown whether the orchestrator
// did what it was told.
type BatchRegistry interface {
	// Register makes a batch of the caller's known.
	Register(ctx context.Context, caller domain.Caller, r domain.Registration) (domain.Reply, error)
	// SetPrompt says which prompt the essays of a batch answer.
	SetPrompt(ctx context.Context, caller domain.Caller, batch domain.BatchID, prompt domain.PromptRef) (domain.Reply, error)
}

// CommandPublisher tells the platform to do something.
//
// Concurrency: safe for any number of callers. Ordering: commands of one key
// that one caller publishes one after the other keep their order. Blocking:
// until every in-sync replica has the record, the adapter's own limit passed
// or ctx is done. Errors: KAFKA_PUBLISH_ERROR, which means "unknown", not "not
// sent": a repeat carries the same event id; VALIDATION_ERROR for a command that
// is never taken, of kind TooLarge over domain.MaxCommandBytes or a smaller limit
// of the platform; CONFIGURATION_ERROR when topic, rights or settings do not allow
// publishing. Nothing is published after the last two.
type CommandPublisher interface {
	// Publish returns nil once the command is safe.
	Publish(ctx context.Context, command domain.Command) error
}
