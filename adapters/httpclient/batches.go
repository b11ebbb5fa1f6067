package httpclient

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/adapters/internal/jsonmember"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// aggregatorName is the name of the result aggregator in metrics and error details.
	aggregatorName = "result_aggregator"
	// orchestratorName is the name of the batch orchestrator in metrics and error details.
	orchestratorName = "batch_orchestrator"
)

// preflightTimeout bounds the preflight of a pipeline. It is short, because a user waits for
// the response.
const preflightTimeout = 10 * time.Second

const (
	// statusCopies is the number of copies of a response for which Status reserves memory.
	statusCopies = 1
	// listCopies is the number of copies of a response for which List reserves memory.
	listCopies = 3
)

// PlatformClient is the client of the result aggregator and the orchestrator. It is safe for
// concurrent use.
type PlatformClient struct {
	aggregator *service
	// orchestrator is nil if none is configured.
	orchestrator *service
	log          *slog.Logger
	healthCache  healthCache
}

var (
	_ ports.BatchStatusClient = (*PlatformClient)(nil)
	_ ports.PreflightChecker  = (*PlatformClient)(nil)
	_ ports.BatchRegistry     = (*PlatformClient)(nil)
	_ ports.HealthProbe       = (*PlatformClient)(nil)
)

// NewBatches returns a client. It does not connect yet. It returns a CONFIGURATION_ERROR for
// an invalid address. Close closes the connections.
func NewBatches(c Config, k KeyConfig, o ports.Observer, tp trace.TracerProvider, log *slog.Logger) (*PlatformClient, error) {
	tracer := tp.Tracer("github.com/huleedu/edge/adapters/httpclient")
	open := func(name, key, raw string) (*service, error) {
		base, err := baseURL(raw)
		if err != nil {
			return nil, domain.Misconfigured(key, invalidAddress).WithCause(err)
		}
		return &service{
			name: name, base: base, pool: transport.New(base, c.transport()), guard: newGuard(name, c, o, log),
			header:         http.Header{"User-Agent": {serviceID}, "Accept": {"application/json"}},
			internalHeader: http.Header{"X-Internal-Api-Key": {k.InternalKey.Reveal()}, "X-Service-Id": {serviceID}},
			timeout:        c.Timeout, observer: o, tracer: tracer,
			spanOptions: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)},
		}, nil
	}
	b := &PlatformClient{log: log}
	var err error
	if b.aggregator, err = open(aggregatorName, aggregatorKey, c.ResultAggregatorURL); err != nil {
		return nil, err
	}
	if c.OrchestratorURL != "" {
		if b.orchestrator, err = open(orchestratorName, orchestratorKey, c.OrchestratorURL); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Close closes the idle connections. It does not interrupt calls.
func (b *PlatformClient) Close() {
	for _, s := range b.services() {
		s.pool.Close()
	}
}

func (b *PlatformClient) services() []*service {
	return slices.DeleteFunc([]*service{b.aggregator, b.orchestrator}, func(s *service) bool { return s == nil })
}

// Status returns the aggregator's report on one batch, and RESOURCE_NOT_FOUND for a batch that
// the aggregator does not know. Other errors are those of the port.
func (b *PlatformClient) Status(ctx context.Context, caller domain.Caller, batch domain.BatchID) (domain.BatchReport, error) {
	a, err := b.aggregator.do(ctx, call{
		operation: "batch_status", method: http.MethodGet, caller: caller, batch: batch,
		endpoint: "/internal/v1/batches/{batch_id}/status", ids: []string{string(batch)},
		keepBodyOf: []int{http.StatusBadRequest},
	})
	switch {
	case err != nil && a.status == http.StatusBadRequest && domain.CodeOf(err) == domain.InvalidResponse:
		return domain.BatchReport{}, domain.External(aggregatorName, a.status).WithCause(err)
	case err != nil:
		return domain.BatchReport{}, err
	case a.status == http.StatusNotFound, isUnknownBatch(a):
		return domain.BatchReport{}, domain.NotFound("batch", string(batch))
	case !a.ok():
		return domain.BatchReport{}, domain.External(aggregatorName, a.status)
	}
	if err := reserveCopies(domain.MemoryOf(ctx), aggregatorName, statusCopies, a); err != nil {
		return domain.BatchReport{}, err
	}
	report, err := readReport(a.body)
	if err != nil {
		return domain.BatchReport{}, domain.MalformedResponse(aggregatorName, err)
	}
	return report, nil
}

// isUnknownBatch reports whether a response is the 400 of the aggregator for a batch of which
// it has no record yet. Any other 400 is a failure of the service.
func isUnknownBatch(a serviceResponse) bool {
	if a.status != http.StatusBadRequest {
		return false
	}
	o, err := jsonmember.Parse(a.body, maxMembers)
	return err == nil && len(o.Members) == 1 && jsonmember.Text(o.Last("error")) == "Invalid batch ID"
}

// List returns a page of the caller's batches.
func (b *PlatformClient) List(ctx context.Context, caller domain.Caller, q domain.PlatformQuery) (domain.PlatformPage, error) {
	query := url.Values{"limit": {strconv.Itoa(q.Limit)}, "offset": {strconv.Itoa(q.Offset)}}
	if q.Overall != "" {
		query.Set("status", q.Overall)
	}
	a, err := b.aggregator.do(ctx, call{
		operation: "batch_list", method: http.MethodGet, caller: caller, query: query.Encode(),
		endpoint: "/internal/v1/batches/user/{user_id}", ids: []string{string(caller.User)},
	})
	switch {
	case err != nil:
		return domain.PlatformPage{}, err
	case !a.ok():
		return domain.PlatformPage{}, domain.External(aggregatorName, a.status)
	}
	if err := reserveCopies(domain.MemoryOf(ctx), aggregatorName, listCopies, a); err != nil {
		return domain.PlatformPage{}, err
	}
	page, err := readPage(a.body)
	if err != nil {
		return domain.PlatformPage{}, domain.MalformedResponse(aggregatorName, err)
	}
	return page, nil
}

// Check asks the orchestrator whether the pipeline may start. Without an orchestrator the
// pipeline may start and the result is marked as skipped.
func (b *PlatformClient) Check(ctx context.Context, caller domain.Caller, batch domain.BatchID, pipeline domain.Pipeline) (ports.PreflightResult, error) {
	if b.orchestrator == nil {
		return ports.PreflightResult{Allowed: true, Skipped: true}, nil
	}
	a, err := b.orchestrator.do(ctx, call{
		operation: "pipeline_preflight", method: http.MethodPost, caller: caller, batch: batch,
		endpoint: "/internal/v1/batches/{batch_id}/pipelines/{pipeline}/preflight",
		ids:      []string{string(batch), string(pipeline)},
		body:     []byte("{}"), timeout: preflightTimeout, keepBodyOf: passedStatuses(),
	})
	if err != nil {
		return ports.PreflightResult{}, err
	}
	return parsePreflight(a)
}
