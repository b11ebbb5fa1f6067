package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// publisherLatency measures the kafka.Publisher on a real Kafka, first with one caller,
// then with many.
func publisherLatency(ctx context.Context, l *runner) ([]row, error) {
	brokers, err := l.kafkaAddr(ctx)
	if err != nil {
		return nil, err
	}
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: brokers, Timeout: requestTimeout},
		recorded.NoFacts{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Close(context.WithoutCancel(ctx)) }() // all publishes have returned
	if _, err := publishMany(ctx, p, 1, l.size(200, 20), l.uniqueName("batch")); err != nil {
		return nil, err
	}
	const callers = 64
	var p50, p99, rate, p50Many []float64
	for range l.rounds {
		alone, err := publishMany(ctx, p, 1, l.size(1000, 100), l.uniqueName("batch"))
		if err != nil {
			return nil, err
		}
		p50, p99 = append(p50, median(alone)), append(p99, quantile(alone, .99))
		startedAt, each := time.Now(), l.size(1000, 30)
		many, err := publishMany(ctx, p, callers, each, l.uniqueName("batch"))
		if err != nil {
			return nil, err
		}
		rate = append(rate, float64(len(many))/time.Since(startedAt).Seconds())
		p50Many = append(p50Many, median(many))
	}
	return []row{
		single("publish alone, p50, ms", median(p50)).atMost(3),
		single("publish alone, p99, ms", median(p99)),
		single(fmt.Sprintf("commands a second, %d callers", callers), median(rate)).atLeast(10000),
		single(fmt.Sprintf("publish among %d callers, p50, ms", callers), median(p50Many)),
	}, nil
}

// publishMany lets each caller publish a number of commands in sequence. It returns
// the latencies in milliseconds.
func publishMany(ctx context.Context, p *kafka.Publisher, callers, each int, batch string) ([]float64, error) {
	parts, errs := make([][]float64, callers), make([]error, callers)
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for i := range each {
				command := domain.PipelineCommand(ctx, domain.Caller{User: "bench"}, domain.PipelineRequest{
					Batch: domain.BatchID(fmt.Sprintf("%s-%d-%d", batch, c, i)), Pipeline: "cj_assessment",
				}, uuid.NewString())
				startedAt := time.Now()
				if err := p.Publish(ctx, command); err != nil {
					errs[c] = err
					return
				}
				parts[c] = append(parts[c], milliseconds(time.Since(startedAt)))
			}
		})
	}
	group.Wait()
	var all []float64
	for c := range callers {
		if errs[c] != nil {
			return nil, errs[c]
		}
		all = append(all, parts[c]...)
	}
	return all, nil
}

// postPipeline measures the complete request that publishes a command: token, limits,
// owner, preflight and Kafka.
func postPipeline(ctx context.Context, l *runner) ([]row, error) {
	if _, err := l.kafkaAddr(ctx); err != nil {
		return nil, err
	}
	doors, release, err := l.startGateways(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	users, err := l.newUsers(l.size(400, 20))
	if err != nil {
		return nil, err
	}
	const body = `{"requested_pipeline":"cj_assessment"}`
	all := make([][]byte, len(users))
	for i, u := range users {
		all[i] = fmt.Appendf(nil, "POST /v1/batches/batch-%d/pipelines HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", i, u.token, len(body), body)
	}
	if _, err := load(ctx, doors.ours, all, loadLimits{1, 1, time.Minute}); err != nil {
		return nil, err
	}
	const perUser = 18 // the limit is 20 commands per minute
	alone, err := load(ctx, doors.ours, all[:len(all)/2], loadLimits{1, perUser, l.span})
	if err != nil {
		return nil, err
	}
	many, err := load(ctx, doors.ours, all[len(all)/2:], loadLimits{64, perUser, l.span})
	if err != nil {
		return nil, err
	}
	return []row{
		single("complete POST alone, p50, ms", median(alone.latencies)),
		single("complete POST among 64, p50, ms", median(many.latencies)),
		single("POSTs per CPU second", many.perCPU()),
		single("responses other than 202", float64(alone.failed+many.failed)).atMost(0),
	}, nil
}
