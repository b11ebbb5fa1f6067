package world

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/propagation"

	"github.com/huleedu/edge/domain"
)

// pipelineRun is an accepted pipeline command.
type pipelineRun struct {
	Batch    domain.BatchID  `json:"batch_id"`
	Pipeline domain.Pipeline `json:"requested_pipeline"`
	User     domain.UserID   `json:"user_id"`

	correlation string
	// ctx carries the command's trace and correlation id. It is done when the
	// platform closes.
	ctx context.Context
}

// consume reads commands from Kafka until the platform closes. It commits each
// record after handling it. A pipeline that the end of the process interrupts is
// not repeated, because the batches are lost too.
func (p *Platform) consume() {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: brokers(p.config), Topic: string(p.config.CommandTopic), GroupID: p.config.Group,
		StartOffset: kafka.FirstOffset, MinBytes: 1, MaxBytes: 10 << 20, MaxWait: 250 * time.Millisecond,
		SessionTimeout: 6 * time.Second, WatchPartitionChanges: true,
	})
	defer func() { _ = reader.Close() }()
	for {
		record, err := reader.FetchMessage(p.ctx)
		if p.ctx.Err() != nil {
			return
		}
		if err != nil {
			p.config.Log.Warn("fetch commands from kafka failed", "error", err)
			_ = p.pause(250 * time.Millisecond)
			continue
		}
		p.handleRecord(record.Value)
		if err := reader.CommitMessages(p.ctx, record); err != nil {
			p.config.Log.Warn("commit of a command failed", "error", err)
		}
	}
}

// handleRecord handles one record. It ignores a record that is not a command, a repeated
// event id, and a batch that cannot start.
func (p *Platform) handleRecord(record []byte) {
	log := p.config.Log
	envelope, err := domain.ParseEnvelope(record)
	if err != nil || envelope.EventType != string(p.config.CommandTopic) {
		log.Warn("record is not a command", "event_type", envelope.EventType, "error", err)
		return
	}
	var j pipelineRun
	if json.Unmarshal(envelope.Data, &j) != nil || !slices.Contains(domain.Pipelines(), j.Pipeline) {
		log.Warn("command is invalid", "event_id", envelope.EventID)
		return
	}
	if !p.registry.markEvent(envelope.EventID) {
		log.Info("command was handled before", "event_id", envelope.EventID)
		return
	}
	j.correlation = envelope.CorrelationID
	j.ctx = domain.WithRequestContext(p.ctx, domain.RequestContext{CorrelationID: j.correlation})
	j.ctx = propagation.TraceContext{}.Extract(j.ctx, propagation.MapCarrier(envelope.Metadata))
	p.startRun(j)
}

// startRun starts the pipeline if the batch exists, is ready and its owner has
// enough credits. An owner without enough credits gets a notification.
func (p *Platform) startRun(j pipelineRun) {
	preflight := preflightResult{Pipeline: j.Pipeline}
	var started bool
	known := p.registry.update(j.Batch, func(d *batchDocument) {
		j.User = d.UserID // the owner gets the notifications
		p.registry.checkCredits(d, &preflight)
		if preflight.Allowed && d.ready() {
			p.registry.credits[d.UserID] = preflight.Available - preflight.Required
			d.start(j.Pipeline)
			started = true
		}
	})
	switch {
	case started:
		p.config.Log.Info("pipeline started", "batch_id", string(j.Batch), "pipeline", string(j.Pipeline))
		p.work.Go(func() { p.runPipeline(j) })
	case known && !preflight.Allowed:
		p.notify(j, "pipeline_denied_insufficient_credits", map[string]any{
			"requested_pipeline": j.Pipeline, "required_credits": preflight.Required, "available_credits": preflight.Available,
		})
	default:
		p.config.Log.Info("command ignored", "batch_id", string(j.Batch), "known", known)
	}
}
