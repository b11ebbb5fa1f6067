package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// platformStub is every service of the platform: it returns fixed results and records what it
// gets. Its errors are named after the call that returns them.
type platformStub struct {
	report    domain.BatchReport
	statusErr error
	page      domain.PlatformPage
	query     domain.PlatformQuery
	log       bytes.Buffer

	preflight    ports.PreflightResult
	preflightErr error
	preflights   int

	commands   []domain.Command
	publishErr error

	idempotency   ports.Idempotency
	registered    bool
	registeredErr error
	saved         []domain.BatchID
	reply         ports.Passthrough
}

// ownedBatch returns a platform that knows a batch of u1 and allows its pipelines.
func ownedBatch() *platformStub {
	return &platformStub{report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Allowed: true}}
}

func (p *platformStub) Registered(context.Context, domain.UserID, domain.BatchID) (bool, error) {
	return p.registered, p.registeredErr
}

func (p *platformStub) Save(_ context.Context, _ domain.UserID, batch domain.BatchID) error {
	p.saved = append(p.saved, batch)
	return p.registeredErr
}

func (p *platformStub) Register(context.Context, domain.Caller, domain.Registration) (ports.Passthrough, error) {
	return p.reply, p.statusErr
}

func (p *platformStub) SetPrompt(context.Context, domain.Caller, domain.BatchID, domain.PromptRef) (ports.Passthrough, error) {
	return p.reply, p.statusErr
}

func (p *platformStub) Status(context.Context, domain.Caller, domain.BatchID) (domain.BatchReport, error) {
	return p.report, p.statusErr
}

func (p *platformStub) List(_ context.Context, _ domain.Caller, q domain.PlatformQuery) (domain.PlatformPage, error) {
	p.query = q
	return p.page, p.statusErr
}

func (p *platformStub) Check(context.Context, domain.Caller, domain.BatchID, domain.Pipeline) (ports.PreflightResult, error) {
	p.preflights++
	return p.preflight, p.preflightErr
}

func (p *platformStub) Publish(_ context.Context, c domain.Command) error {
	p.commands = append(p.commands, c)
	return p.publishErr
}

func (p *platformStub) batches() *app.Batches {
	return app.NewBatches(p, slog.New(slog.NewTextHandler(&p.log, nil)))
}

func (p *platformStub) start() (*ports.Passthrough, error) {
	outcome, err := p.pipelines().Start(context.Background(), domain.Caller{User: "u1"},
		domain.PipelineRequest{Batch: "b1", Pipeline: "nlp"}, app.IdempotentRequest{Response: []byte("yes")})
	if (err == nil && outcome.Refusal == nil) != (string(outcome.Response) == "yes") || outcome.Replayed {
		panic("an accepted request has the response, and no other has it")
	}
	return outcome.Refusal, err
}

func (p *platformStub) pipelines() *app.Pipelines {
	return app.NewPipelines(app.PipelineParts{
		Batches: p.batches(), Preflight: p, Commands: p, Idempotency: p.idempotency, Registered: p, Log: slog.New(slog.NewTextHandler(&p.log, nil)),
		IDs: app.IDs{New: func() string { return "e-1" }, FromName: func(name string) string { return "of " + name }},
	})
}

func TestStartPublishesForTheOwner(t *testing.T) {
	p := ownedBatch()
	refusal, err := p.start()
	require.NoError(t, err)
	require.Nil(t, refusal)
	require.Len(t, p.commands, 1)
	require.Equal(t, "e-1", p.commands[0].Envelope.EventID)
	var data map[string]any
	require.NoError(t, json.Unmarshal(p.commands[0].Envelope.Data, &data))
	require.Equal(t, "u1", data["user_id"])
}

func TestStartRefusesABatchOfAnotherUserBeforeThePreflight(t *testing.T) {
	p := ownedBatch()
	p.report.Owner = "u2"
	_, err := p.start()
	e := domain.As(err)
	require.Equal(t, domain.AuthorizationError, e.Code)
	require.Equal(t, "Ownership violation: batch does not belong to user", e.Message)
	require.Equal(t, map[string]any{"batch_id": "b1", "requested_by": "u1"}, e.Details)
	require.Zero(t, p.preflights)
	require.Empty(t, p.commands)
}

// TestStartStopsAtTheFirstError checks which calls are made before and after an error. A batch
// that the platform does not know is started if the caller registered it here.
func TestStartStopsAtTheFirstError(t *testing.T) {
	notFound, unreachable := domain.NotFound("batch", "b1"), domain.Unreachable("result_aggregator", nil)
	for name, c := range map[string]struct {
		change     func(p *platformStub)
		want       domain.Code
		preflights int
		commands   int
	}{
		"registered by the caller": {func(p *platformStub) { p.statusErr, p.registered = notFound, true }, "", 1, 1},
		"registered, no preflight": {func(p *platformStub) { p.statusErr, p.registered, p.preflight.Skipped = notFound, true, true }, domain.ResourceNotFound, 1, 0},
		"not registered":           {func(p *platformStub) { p.statusErr = notFound }, domain.ResourceNotFound, 0, 0},
		"registrations away":       {func(p *platformStub) { p.statusErr, p.registeredErr = notFound, domain.Unavailable("redis", 0) }, domain.ServiceUnavailable, 0, 0},
		"status fails":             {func(p *platformStub) { p.statusErr = unreachable }, domain.ConnectionError, 0, 0},
		"preflight fails":          {func(p *platformStub) { p.preflightErr = unreachable }, domain.ConnectionError, 1, 0},
		"publish fails":            {func(p *platformStub) { p.publishErr = domain.NotPublished("t", nil) }, domain.KafkaPublishError, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := ownedBatch()
			c.change(p)
			_, err := p.start()
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.Equal(t, c.want, domain.CodeOf(err))
			}
			require.Equal(t, c.preflights, p.preflights)
			require.Len(t, p.commands, c.commands)
		})
	}
}

func TestStartReturnsARefusalOfThePreflight(t *testing.T) {
	want := &ports.Passthrough{Status: 402, Body: []byte(`{"allowed":false}`)}
	p := &platformStub{report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Refusal: want}}
	refusal, err := p.start()
	require.NoError(t, err)
	require.Same(t, want, refusal)
	require.Empty(t, p.commands)
}

func TestStatusIsOnlyForTheOwner(t *testing.T) {
	caller := domain.Caller{User: "u1"}
	p := &platformStub{report: domain.BatchReport{Owner: "u1", Overall: "processing_pipelines", Document: []byte(`{"a":1}`)}}
	view, err := p.batches().Status(context.Background(), caller, "b1")
	require.NoError(t, err)
	require.Equal(t, app.BatchView{Status: domain.Processing, Details: domain.Document(`{"a":1}`)}, view)

	for _, owner := range []domain.UserID{"", "u2", "U1"} {
		p.report.Owner = owner
		_, err = p.batches().Status(context.Background(), caller, "b1")
		require.Equal(t, domain.AuthorizationError, domain.CodeOf(err), owner)
	}
}

func TestAnUnknownStatusIsPending(t *testing.T) {
	p := &platformStub{report: domain.BatchReport{Owner: "u1", Overall: "other"}}
	view, err := p.batches().Status(context.Background(), domain.Caller{User: "u1"}, "b1")
	require.NoError(t, err)
	require.Equal(t, domain.PendingContent, view.Status)
	require.Contains(t, p.log.String(), "unknown batch status")
	p = &platformStub{report: domain.BatchReport{Owner: "u1", Overall: "COMPLETED"}}
	_, err = p.batches().Status(context.Background(), domain.Caller{User: "u1"}, "b1")
	require.NoError(t, err)
	require.Empty(t, p.log.String())
}

func TestListTranslatesTheStatuses(t *testing.T) {
	listed := func(overall string) domain.ListedBatch {
		return domain.ListedBatch{Overall: overall, Head: []byte(`{"n": 1.0,"overall_status": `), Tail: []byte(` }`)}
	}
	p := &platformStub{page: domain.PlatformPage{Total: 17, Batches: []domain.ListedBatch{listed("COMPLETED"), listed("odd"), listed("")}}}
	page, err := p.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 2, Offset: 4, Status: domain.Processing})
	require.NoError(t, err)
	require.Equal(t, domain.PlatformQuery{Limit: 2, Offset: 4, Overall: "processing_pipelines"}, p.query)
	const pending = `{"n": 1.0,"overall_status": "pending_content" }`
	require.Equal(t, domain.BatchPage{Total: 17, Batches: []domain.Document{
		[]byte(`{"n": 1.0,"overall_status": "completed_successfully" }`), []byte(pending), []byte(pending),
	}}, page)
	require.Contains(t, p.log.String(), "odd")

	_, err = p.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 1})
	require.NoError(t, err)
	require.Empty(t, p.query.Overall, "without a status the list is not filtered")

	p = &platformStub{page: domain.PlatformPage{Batches: []domain.ListedBatch{listed("COMPLETED")}}}
	_, err = p.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 1})
	require.NoError(t, err)
	require.Empty(t, p.log.String(), "all statuses are known")
}

func TestListLimitsTheLogOfUnknownStatuses(t *testing.T) {
	p := &platformStub{}
	for i := range 100 {
		p.page.Batches = append(p.page.Batches, domain.ListedBatch{Overall: fmt.Sprintf("odd-%d", i) + strings.Repeat("x", 1000)})
	}
	_, err := p.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 100})
	require.NoError(t, err)
	require.Contains(t, p.log.String(), "unknown batch status")
	require.Less(t, p.log.Len(), 4096)
	require.Equal(t, 10, strings.Count(p.log.String(), "odd-"))
}

func TestListReturnsTheErrorOfThePlatform(t *testing.T) {
	p := &platformStub{statusErr: domain.Unreachable("x", nil)}
	page, err := p.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 1})
	require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
	require.Zero(t, page)
}

// TestRegisterSavesAcceptedBatches checks that only a 202 with one valid batch id is saved, and
// that an error of the store does not change the answer.
func TestRegisterSavesAcceptedBatches(t *testing.T) {
	for body, want := range map[string][]domain.BatchID{
		`{"batch_id":"b1","status":"registered"}`:         {"b1"},
		`{"batch_id":" b:1 "}`:                            {" b:1 "},
		`{"batch_id":"` + strings.Repeat("å", 255) + `"}`: {domain.BatchID(strings.Repeat("å", 255))},
		`{"batch_id":"` + strings.Repeat("b", 256) + `"}`: nil,
		`{"batch_id":"b1","batch_id":"b2"}`:               nil,
		`{"Batch_ID":"b1"}`:                               nil,
		`{"batch_id":1}`:                                  nil,
		`{"batch_id":" "}`:                                nil,
		`{"batch_id":"b\u0000"}`:                          nil,
		`{"batch_id":"b\ud800"}`:                          nil,
		`{"data":{"batch_id":"b1"}}`:                      nil,
		`["batch_id","b1"]`:                               nil,
		`"b1"`:                                            nil,
	} {
		for _, saveErr := range []error{nil, domain.Unavailable("redis", 0)} {
			p := &platformStub{reply: ports.Passthrough{Status: 202, Body: []byte(body)}, registeredErr: saveErr}
			reply, err := app.NewRegistrations(p, p, slog.New(slog.NewTextHandler(&p.log, nil))).Register(t.Context(), domain.Caller{User: "u1"}, domain.Registration{})
			require.NoError(t, err)
			require.Equal(t, p.reply, reply)
			require.Equal(t, want, p.saved, body)
			require.Equal(t, want == nil || saveErr != nil, strings.Contains(p.log.String(), "not stored"), body)
		}
	}
	for _, status := range []int{200, 201, 400, 403, 500} {
		p := &platformStub{reply: ports.Passthrough{Status: status, Body: []byte(`{"batch_id":"b1"}`)}}
		_, err := app.NewRegistrations(p, p, slog.New(slog.NewTextHandler(&p.log, nil))).Register(t.Context(), domain.Caller{User: "u1"}, domain.Registration{})
		require.NoError(t, err)
		require.Empty(t, p.saved, status)
	}
}

func TestErrorsOfTheOrchestratorAreReturned(t *testing.T) {
	p := &platformStub{statusErr: domain.Unreachable("batch_orchestrator", nil)}
	r := app.NewRegistrations(p, p, slog.New(slog.DiscardHandler))
	_, err := r.Register(t.Context(), domain.Caller{User: "u1"}, domain.Registration{})
	require.ErrorIs(t, err, p.statusErr)
	require.Empty(t, p.saved)
	_, err = r.SetPrompt(t.Context(), domain.Caller{User: "u1"}, "b1", domain.PromptRef{})
	require.ErrorIs(t, err, p.statusErr)
}
