package domain

import (
	"context"
	"time"
)

// GatewaySource is the "source_service" of everything the gateway publishes.
const GatewaySource = string(GatewayService)

// Pipeline names an assessment that can be run on a batch.
type Pipeline string

// Pipelines lists what may be requested, in the contract's order. The slice is
// the caller's own.
func Pipelines() []Pipeline {
	return []Pipeline{"spellcheck", "ai_feedback", "cj_assessment", "nlp", "student_matching"}
}

// PromptPayload says which prompt the essays answer: exactly one of the two is
// set.
type PromptPayload struct {
	AssignmentID *string    `json:"assignment_id"`
	CMSPromptRef *PromptRef `json:"cms_prompt_ref"`
}

// PromptRef points at stored content: content type -> key -> value.
type PromptRef struct {
	References map[string]map[string]string `json:"references"`
}

// PipelineRequest is what a caller asks: run this pipeline on that batch.
type PipelineRequest struct {
	Batch       BatchID
	Pipeline    Pipeline
	IsRetry     bool
	RetryReason *string
	Prompt      *PromptPayload
}

// MaxCommandBytes is the largest encoded envelope of a command, in bytes. Brokers
// take batches of 1,048,588 bytes unless they are told otherwise; the difference
// is for the key, the headers and the batch itself.
const MaxCommandBytes = 1_000_000

// Command is an event ready to be published: the envelope, the topic and the
// key that decides its partition.
type Command struct {
	Topic    Topic
	Key      string
	Envelope Envelope
	// Caller, Batch and Pipeline name the command on spans.
	Caller   Caller
	Batch    BatchID
	Pipeline Pipeline
}

// commandData is the "data" of a pipeline command.
type commandData struct {
	BatchID             BatchID        `json:"batch_id"`
	RequestedPipeline   Pipeline       `json:"requested_pipeline"`
	ClientCorrelationID string         `json:"client_correlation_id"`
	UserID              UserID         `json:"user_id"`
	IsRetry             bool           `json:"is_retry"`
	RetryReason         *string        `json:"retry_reason"`
	PromptPayload       *PromptPayload `json:"prompt_payload"`
}

// PipelineCommand builds the command that starts a pipeline, correlated to the
// trail of ctx. The batch id is its key, so that one batch stays on one
// partition. eventID is a UUID, new for each command.
func PipelineCommand(ctx context.Context, c Caller, r PipelineRequest, eventID string) (Command, error) {
	trail := TrailOf(ctx)
	data, err := EncodeJSON(commandData{
		BatchID: r.Batch, RequestedPipeline: r.Pipeline, ClientCorrelationID: trail.Correlation,
		UserID: c.User, IsRetry: r.IsRetry, RetryReason: r.RetryReason, PromptPayload: r.Prompt,
	})
	if err != nil {
		return Command{}, Unknown(err).At("domain.PipelineCommand")
	}
	metadata := map[string]string{}
	if c.Org != "" {
		metadata["org_id"] = c.Org
	}
	return Command{
		Topic: CommandTopic, Key: string(r.Batch), Caller: c, Batch: r.Batch, Pipeline: r.Pipeline,
		Envelope: Envelope{
			EventID: eventID, EventType: string(CommandTopic), EventTimestamp: time.Now().UTC(),
			SourceService: GatewaySource, SchemaVersion: SchemaVersion, CorrelationID: trail.Correlation,
			Data: data, Metadata: metadata,
		},
	}, nil
}
