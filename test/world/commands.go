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

// job is a command that was taken.
type job struct {
	Batch    domain.BatchID  `json:"batch_id"`
	Pipeline domain.Pipeline `json:"requested_pipeline"`
	User     domain.UserID   `json:"user_id"`

	correlation string
	// ctx carries the command's trace and correlation id; it ends with the
	// platform.
	ctx context.Context
}

// consume takes commands from Kafka until the platform closes. Each record is
// committed once it is taken: a run that the end of the process cuts off is
// not repeated, because the batch's state is lost as well.
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
			p.config.Log.Warn("no commands from kafka", "error", err)
			_ = p.pause(250 * time.Millisecond)
			continue
		}
		p.take(record.Value)
		if err := reader.CommitMessages(p.ctx, record); err != nil {
			p.config.Log.Warn("command not committed", "error", err)
		}
	}
}

// take starts the run that a record asks for, unless it is no command, was
// taken before, or the batch cannot be run.
func (p *Platform) take(record []byte) {
	log := p.config.Log
	envelope, err := domain.ParseEnvelope(record)
	if err != nil || envelope.EventType != string(p.config.CommandTopic) {
		log.Warn("record is no command", "event_type", envelope.EventType, "error", err)
		return
	}
	var j job
	if json.Unmarshal(envelope.Data, &j) != nil || !slices.Contains(domain.Pipelines(), j.Pipeline) {
		log.Warn("command cannot be read", "event_id", envelope.EventID)
		return
	}
	if !p.registry.first(envelope.EventID) {
		log.Info("command was taken before", "event_id", envelope.EventID)
		return
	}
	j.correlation = envelope.CorrelationID
	j.ctx = domain.WithTrail(p.ctx, domain.Trail{Correlation: j.correlation})
	j.ctx = propagation.TraceContext{}.Extract(j.ctx, propagation.MapCarrier(envelope.Metadata))
	p.accept(j)
}

// accept starts a run if the batch is there and ready and its owner can pay;
// one who cannot is told.
func (p *Platform) accept(j job) {
	verdict := preflightVerdict{Pipeline: j.Pipeline}
	var started bool
	known := p.registry.change(j.Batch, func(d *batchDocument) {
		j.User = d.UserID // whoever asked, the owner is told
		p.registry.weigh(d, &verdict)
		if verdict.Allowed && d.ready() {
			p.registry.credits[d.UserID] = verdict.Available - verdict.Required
			d.start(j.Pipeline)
			started = true
		}
	})
	switch {
	case started:
		p.config.Log.Info("pipeline started", "batch_id", string(j.Batch), "pipeline", string(j.Pipeline))
		p.work.Go(func() { p.drive(j) })
	case known && !verdict.Allowed:
		p.notify(j, "pipeline_denied_insufficient_credits", map[string]any{
			"requested_pipeline": j.Pipeline, "required_credits": verdict.Required, "available_credits": verdict.Available,
		})
	default:
		p.config.Log.Info("command left aside", "batch_id", string(j.Batch), "known", known)
	}
}
