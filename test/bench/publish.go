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
)

// unwatched observes nothing.
type unwatched struct{}

// Observe forgets the fact.
func (unwatched) Observe(domain.Fact) {}

// publisher measures the CommandPublisher alone on a real Kafka: one caller,
// then many.
func publisher(ctx context.Context, l *lab) ([]row, error) {
	brokers, err := l.kafkaAddr(ctx)
	if err != nil {
		return nil, err
	}
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: brokers, Timeout: patience},
		unwatched{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Close(context.WithoutCancel(ctx)) }() // every publish has been answered
	if _, err := publishing(ctx, p, 1, l.size(200, 20), l.tag("batch")); err != nil {
		return nil, err
	}
	const callers = 64
	var p50, p99, rate, p50Many []float64
	for range l.rounds {
		alone, err := publishing(ctx, p, 1, l.size(1000, 100), l.tag("batch"))
		if err != nil {
			return nil, err
		}
		p50, p99 = append(p50, median(alone)), append(p99, quantile(alone, .99))
		began, each := time.Now(), l.size(1000, 30)
		many, err := publishing(ctx, p, callers, each, l.tag("batch"))
		if err != nil {
			return nil, err
		}
		rate = append(rate, float64(len(many))/time.Since(began).Seconds())
		p50Many = append(p50Many, median(many))
	}
	return []row{
		single("publish alone, p50, ms", median(p50)).atMost(3),
		single("publish alone, p99, ms", median(p99)),
		single(fmt.Sprintf("commands a second, %d callers", callers), median(rate)).atLeast(10000),
		single(fmt.Sprintf("publish among %d callers, p50, ms", callers), median(p50Many)),
	}, nil
}

// publishing lets callers publish so many commands each, one after the other,
// and returns what each took in milliseconds.
func publishing(ctx context.Context, p *kafka.Publisher, callers, each int, batch string) ([]float64, error) {
	parts, errs := make([][]float64, callers), make([]error, callers)
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for i := range each {
				command, err := domain.PipelineCommand(ctx, domain.Caller{User: "bench"}, domain.PipelineRequest{
					Batch: domain.BatchID(fmt.Sprintf("%s-%d-%d", batch, c, i)), Pipeline: "cj_assessment",
				}, uuid.NewString())
				began := time.Now()
				if err == nil {
					err = p.Publish(ctx, command)
				}
				if err != nil {
					errs[c] = err
					return
				}
				parts[c] = append(parts[c], milliseconds(time.Since(began)))
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

// wholePost measures the request that publishes: token, limits, owner,
// preflight and Kafka.
func wholePost(ctx context.Context, l *lab) ([]row, error) {
	if _, err := l.kafkaAddr(ctx); err != nil {
		return nil, err
	}
	doors, release, err := l.doors(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	users, err := l.people(l.size(400, 20))
	if err != nil {
		return nil, err
	}
	const body = `{"requested_pipeline":"cj_assessment"}`
	all := make([][]byte, len(users))
	for i, u := range users {
		all[i] = fmt.Appendf(nil, "POST /v1/batches/batch-%d/pipelines HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", i, u.token, len(body), body)
	}
	if _, err := load(ctx, doors.ours, all, pace{1, 1, time.Minute}); err != nil {
		return nil, err
	}
	const perUser = 18 // of 20 commands a minute
	alone, err := load(ctx, doors.ours, all[:len(all)/2], pace{1, perUser, l.span})
	if err != nil {
		return nil, err
	}
	many, err := load(ctx, doors.ours, all[len(all)/2:], pace{64, perUser, l.span})
	if err != nil {
		return nil, err
	}
	return []row{
		single("whole POST alone, p50, ms", median(alone.took)),
		single("whole POST among 64, p50, ms", median(many.took)),
		single("POSTs per CPU second", many.perCPU()),
		single("answers other than 202", float64(alone.bad+many.bad)).atMost(0),
	}, nil
}
