package domain

import (
	"context"
	"time"
)

// GatewaySource is the "source_service" of every event that the gateway publishes.
const GatewaySource = string(GatewayService)

// Pipeline names an assessment that can be run on a batch.
type Pipeline string

// Pipelines lists the pipelines that may be requested, in the contract's order. It
// returns a new slice.
func Pipelines() []Pipeline {
	return []Pipeline{"spellcheck", "ai_feedback", "cj_assessment", "nlp", "student_matching"}
}

// PromptPayload identifies the prompt of the essays. Exactly one field is set.
type PromptPayload struct {
	AssignmentID *string    `json:"assignment_id"`
	CMSPromptRef *PromptRef `json:"cms_prompt_ref"`
}

// PromptRef refers to stored content: content type -> key -> value.
type PromptRef struct {
	References map[string]map[string]string `json:"references"`
}

// PipelineRequest is a request to run a pipeline on a batch.
type PipelineRequest struct {
	Batch       BatchID
	Pipeline    Pipeline
	IsRetry     bool
	RetryReason *string
	Prompt      *PromptPayload
}

// MaxCommandBytes is the largest encoded envelope of a command, in bytes. Brokers
// accept batches of 1,048,588 bytes by default. The difference is reserved for the
// key, the headers and the batch header.
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

// PipelineCommand returns the command that starts a pipeline, with the correlation
// id of ctx. The batch id is its key, so that all commands of a batch are on one
// partition. eventID is a UUID, new for each command.
func PipelineCommand(ctx context.Context, c Caller, r PipelineRequest, eventID string) Command {
	request := RequestContextOf(ctx)
	data, _ := EncodeJSON(commandData{ // it holds only texts
		BatchID: r.Batch, RequestedPipeline: r.Pipeline, ClientCorrelationID: request.CorrelationID,
		UserID: c.User, IsRetry: r.IsRetry, RetryReason: r.RetryReason, PromptPayload: r.Prompt,
	})
	metadata := map[string]string{}
	if c.Org != "" {
		metadata["org_id"] = c.Org
	}
	return Command{
		Topic: CommandTopic, Key: string(r.Batch), Caller: c, Batch: r.Batch, Pipeline: r.Pipeline,
		Envelope: Envelope{
			EventID: eventID, EventType: string(CommandTopic), EventTimestamp: time.Now().UTC(),
			SourceService: GatewaySource, SchemaVersion: SchemaVersion, CorrelationID: request.CorrelationID,
			Data: data, Metadata: metadata,
		},
	}
}
