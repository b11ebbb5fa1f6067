package ports

import (
	"context"

	"github.com/huleedu/edge/domain"
)

// BatchStatusClient queries the platform about batches, with the caller's identity.
// It does not check ownership.
//
// Concurrency: safe for any number of callers. Blocking: until the platform
// responds, the adapter's timeout expires or ctx is done. Errors: RESOURCE_NOT_FOUND
// for an unknown batch, EXTERNAL_SERVICE_ERROR for any other unsuccessful response,
// INVALID_RESPONSE for a malformed one, CONNECTION_ERROR when the connection fails,
// TIMEOUT when no response arrives in time, VALIDATION_ERROR for an id that cannot be
// sent. SERVICE_UNAVAILABLE (too many calls in progress) and CIRCUIT_BREAKER_OPEN are
// returned immediately, and nothing is sent. When ctx was cancelled, the chain of the
// error contains context.Canceled. A query is retried at most once, and only if no
// byte of a response arrived. No other call is retried.
type BatchStatusClient interface {
	// Status returns the status of one batch.
	Status(ctx context.Context, caller domain.Caller, batch domain.BatchID) (domain.BatchReport, error)
	// List returns a page of the caller's batches, in the platform's order.
	List(ctx context.Context, caller domain.Caller, query domain.PlatformQuery) (domain.PlatformPage, error)
}

// Passthrough is a service's response that the client gets unchanged. It holds an HTTP status,
// because the wire contract promises the service's own status: a neutral value would need one
// constant for each status and a translation on both sides. The application reads only Accepted.
type Passthrough struct {
	// Status is the HTTP status code.
	Status int
	// ContentType is the media type of the body.
	ContentType string
	// RetryAfter is the header of that name; empty without one.
	RetryAfter string
	// Body is the body, byte for byte.
	Body []byte
}

// Accepted reports whether the service accepted the request for processing.
func (p Passthrough) Accepted() bool {
	const accepted = 202
	return p.Status == accepted
}

// PreflightResult is the orchestrator's answer to "may this pipeline start?".
type PreflightResult struct {
	// Allowed reports that the pipeline may start.
	Allowed bool
	// Skipped reports that no orchestrator is configured in this environment.
	Skipped bool
	// Refusal is the response for the client; nil if the pipeline may start.
	Refusal *Passthrough
}

// PreflightChecker asks the orchestrator whether a pipeline may start.
//
// Concurrency and blocking as for BatchStatusClient. Errors: none for a response that
// is passed to the client (it is the Refusal of the result);
// EXTERNAL_SERVICE_ERROR, INVALID_RESPONSE, CONNECTION_ERROR, TIMEOUT,
// SERVICE_UNAVAILABLE, CIRCUIT_BREAKER_OPEN and VALIDATION_ERROR as above. A call
// without a valid response never allows the pipeline.
type PreflightChecker interface {
	// Check asks about one pipeline on one batch.
	Check(ctx context.Context, caller domain.Caller, batch domain.BatchID, pipeline domain.Pipeline) (PreflightResult, error)
}

// BatchRegistry sends new batches and their prompts to the orchestrator. The
// orchestrator validates them; its response is passed to the client unchanged.
//
// Concurrency and blocking as for BatchStatusClient. Errors: none for a
// response that is JSON, whatever its status; INVALID_RESPONSE for any other response,
// CONNECTION_ERROR, TIMEOUT, CIRCUIT_BREAKER_OPEN and VALIDATION_ERROR as above,
// SERVICE_UNAVAILABLE also when no orchestrator is configured. After a TIMEOUT,
// CONNECTION_ERROR or INVALID_RESPONSE it is unknown whether the orchestrator
// processed the request.
type BatchRegistry interface {
	// Register registers a batch of the caller.
	Register(ctx context.Context, caller domain.Caller, r domain.Registration) (Passthrough, error)
	// SetPrompt sets the prompt of a batch.
	SetPrompt(ctx context.Context, caller domain.Caller, batch domain.BatchID, prompt domain.PromptRef) (Passthrough, error)
}

// CommandPublisher publishes commands for the platform.
//
// Concurrency: safe for any number of callers. Ordering: commands with the same
// key that one caller publishes sequentially keep their order. Blocking: until every
// in-sync replica has the record, the adapter's timeout expires or ctx is done.
// Errors: KAFKA_PUBLISH_ERROR, after which it is unknown whether the command was
// published (a retry must have the same event id); VALIDATION_ERROR for a command that
// can never be published, with ReasonTooLarge over domain.MaxCommandBytes or a smaller
// limit of the broker; CONFIGURATION_ERROR when topic, access rights or settings do not
// allow publishing. Nothing is published after the last two.
type CommandPublisher interface {
	// Publish returns nil when Kafka has confirmed the command.
	Publish(ctx context.Context, command domain.Command) error
}
