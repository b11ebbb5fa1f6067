package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// office plays the platform: one report, one preflight result, and the commands it got.
type office struct {
	report    domain.BatchReport
	unknown   error
	preflight ports.PreflightResult
	page      domain.PlatformPage
	query     domain.PlatformQuery
	log       bytes.Buffer
	asked     int
	denied    error
	commands  []domain.Command
	lost      error
	answers   ports.Idempotency
	// registered says that the batch was registered here; away that nobody can tell.
	registered bool
	away       error
	saved      []domain.BatchID
	reply      ports.Passthrough
}

func (o *office) Registered(context.Context, domain.UserID, domain.BatchID) (bool, error) {
	return o.registered, o.away
}

func (o *office) Save(_ context.Context, _ domain.UserID, batch domain.BatchID) error {
	o.saved = append(o.saved, batch)
	return o.away
}

func (o *office) Register(context.Context, domain.Caller, domain.Registration) (ports.Passthrough, error) {
	return o.reply, o.unknown
}

func (o *office) SetPrompt(context.Context, domain.Caller, domain.BatchID, domain.PromptRef) (ports.Passthrough, error) {
	return o.reply, o.unknown
}

func (o *office) Status(context.Context, domain.Caller, domain.BatchID) (domain.BatchReport, error) {
	return o.report, o.unknown
}

func (o *office) List(_ context.Context, _ domain.Caller, q domain.PlatformQuery) (domain.PlatformPage, error) {
	o.query = q
	return o.page, o.unknown
}

func (o *office) Check(context.Context, domain.Caller, domain.BatchID, domain.Pipeline) (ports.PreflightResult, error) {
	o.asked++
	return o.preflight, o.denied
}

func (o *office) Publish(_ context.Context, c domain.Command) error {
	o.commands = append(o.commands, c)
	return o.lost
}

func (o *office) batches() *app.Batches {
	return app.NewBatches(o, slog.New(slog.NewTextHandler(&o.log, nil)))
}

func (o *office) start() (*ports.Passthrough, error) {
	outcome, err := o.pipelines().Start(context.Background(), domain.Caller{User: "u1"},
		domain.PipelineRequest{Batch: "b1", Pipeline: "nlp"}, app.IdempotentRequest{Response: []byte("yes")})
	if (err == nil && outcome.Refusal == nil) != (string(outcome.Response) == "yes") || outcome.Replayed {
		panic("the answer belongs to what was accepted")
	}
	return outcome.Refusal, err
}

func (o *office) pipelines() *app.Pipelines {
	return app.NewPipelines(app.PipelineParts{
		Batches: o.batches(), Preflight: o, Commands: o, Idempotency: o.answers, Registered: o, Log: slog.New(slog.DiscardHandler),
		IDs: app.IDs{New: func() string { return "e-1" }, FromName: func(name string) string { return "of " + name }},
	})
}

func TestStartPublishesForTheOwner(t *testing.T) {
	o := &office{report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Allowed: true}}
	refusal, err := o.start()
	require.NoError(t, err)
	require.Nil(t, refusal)
	require.Len(t, o.commands, 1)
	require.Equal(t, "e-1", o.commands[0].Envelope.EventID)
	var data map[string]any
	require.NoError(t, json.Unmarshal(o.commands[0].Envelope.Data, &data))
	require.Equal(t, "u1", data["user_id"])
}

func TestStartRefusesABatchOfAnotherUserBeforeThePreflight(t *testing.T) {
	o := &office{report: domain.BatchReport{Owner: "u2"}, preflight: ports.PreflightResult{Allowed: true}}
	_, err := o.start()
	e := domain.As(err)
	require.Equal(t, domain.AuthorizationError, e.Code)
	require.Equal(t, "Ownership violation: batch does not belong to user", e.Message)
	require.Equal(t, map[string]any{"batch_id": "b1", "requested_by": "u1"}, e.Details)
	require.Zero(t, o.asked)
	require.Empty(t, o.commands)
}

func TestStartAllowsAnUnknownBatchThatTheCallerRegistered(t *testing.T) {
	o := &office{unknown: domain.NotFound("batch", "b1"), preflight: ports.PreflightResult{Allowed: true}, registered: true}
	_, err := o.start()
	require.NoError(t, err)
	require.Len(t, o.commands, 1)

	o = &office{unknown: domain.NotFound("batch", "b1"), preflight: ports.PreflightResult{Allowed: true}}
	_, err = o.start()
	require.Equal(t, domain.ResourceNotFound, domain.CodeOf(err))
	require.Zero(t, o.asked, "no preflight")
	require.Empty(t, o.commands)

	o = &office{unknown: domain.NotFound("batch", "b1"), away: domain.Unavailable("redis", 0), registered: true}
	_, err = o.start()
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	require.Zero(t, o.asked, "no preflight")

	o = &office{registered: true, unknown: domain.NotFound("batch", "b1"), preflight: ports.PreflightResult{Allowed: true, Skipped: true}}
	_, err = o.start()
	require.Equal(t, domain.ResourceNotFound, domain.CodeOf(err))
	require.Empty(t, o.commands)
}

func TestStartStopsAtTheFirstFailure(t *testing.T) {
	away := domain.Unreachable("result_aggregator", nil)
	o := &office{unknown: away, preflight: ports.PreflightResult{Allowed: true}}
	_, err := o.start()
	require.ErrorIs(t, err, away)
	require.Zero(t, o.asked)

	o = &office{report: domain.BatchReport{Owner: "u1"}, denied: away}
	_, err = o.start()
	require.ErrorIs(t, err, away)
	require.Empty(t, o.commands)

	o = &office{report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Allowed: true}, lost: domain.NotPublished("t", nil)}
	_, err = o.start()
	require.Equal(t, domain.KafkaPublishError, domain.CodeOf(err))
}

func TestStartPassesARefusalOn(t *testing.T) {
	want := &ports.Passthrough{Status: 402, Body: []byte(`{"allowed":false}`)}
	o := &office{report: domain.BatchReport{Owner: "u1"}, preflight: ports.PreflightResult{Refusal: want}}
	refusal, err := o.start()
	require.NoError(t, err)
	require.Same(t, want, refusal)
	require.Empty(t, o.commands)
}

func TestStatusIsOnlyForTheOwner(t *testing.T) {
	caller := domain.Caller{User: "u1"}
	o := &office{report: domain.BatchReport{Owner: "u1", Overall: "processing_pipelines", Document: []byte(`{"a":1}`)}}
	view, err := o.batches().Status(context.Background(), caller, "b1")
	require.NoError(t, err)
	require.Equal(t, app.BatchView{Status: domain.Processing, Details: domain.Document(`{"a":1}`)}, view)

	for _, owner := range []domain.UserID{"", "u2", "U1"} {
		o.report.Owner = owner
		_, err = o.batches().Status(context.Background(), caller, "b1")
		require.Equal(t, domain.AuthorizationError, domain.CodeOf(err), owner)
	}
}

func TestAnUnknownStatusCountsAsPending(t *testing.T) {
	o := &office{report: domain.BatchReport{Owner: "u1", Overall: "on_holiday"}}
	view, err := o.batches().Status(context.Background(), domain.Caller{User: "u1"}, "b1")
	require.NoError(t, err)
	require.Equal(t, domain.PendingContent, view.Status)
}

func TestListTranslatesTheStatuses(t *testing.T) {
	listed := func(overall string) domain.ListedBatch {
		return domain.ListedBatch{Overall: overall, Head: []byte(`{"n": 1.0,"overall_status": `), Tail: []byte(` }`)}
	}
	o := &office{page: domain.PlatformPage{Total: 17, Batches: []domain.ListedBatch{listed("COMPLETED"), listed("odd"), listed("")}}}
	page, err := o.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 2, Offset: 4, Status: domain.Processing})
	require.NoError(t, err)
	require.Equal(t, domain.PlatformQuery{Limit: 2, Offset: 4, Overall: "processing_pipelines"}, o.query)
	const pending = `{"n": 1.0,"overall_status": "pending_content" }`
	require.Equal(t, domain.BatchPage{Total: 17, Batches: []domain.Document{
		[]byte(`{"n": 1.0,"overall_status": "completed_successfully" }`), []byte(pending), []byte(pending),
	}}, page)
	require.Contains(t, o.log.String(), "odd")

	_, err = o.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 1})
	require.NoError(t, err)
	require.Empty(t, o.query.Overall, "without a status the list is not filtered")
}

func TestListLogsAFewUnknownStatusesInPart(t *testing.T) {
	o := &office{}
	for range 100 {
		o.page.Batches = append(o.page.Batches, domain.ListedBatch{Overall: strings.Repeat("x", 1000)})
	}
	_, err := o.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 100})
	require.NoError(t, err)
	require.Contains(t, o.log.String(), "unknown batch status")
	require.Less(t, o.log.Len(), 4096)
}

func TestListReturnsTheErrorOfThePlatform(t *testing.T) {
	o := &office{unknown: domain.Unreachable("x", nil)}
	page, err := o.batches().List(context.Background(), domain.Caller{User: "u1"}, domain.BatchQuery{Limit: 1})
	require.Equal(t, domain.ConnectionError, domain.CodeOf(err))
	require.Zero(t, page)
}

// TestRegisterKeepsWhatTheOrchestratorAccepted: only a 202 that names one usable
// batch is kept, and nothing about keeping it changes the answer.
func TestRegisterKeepsWhatTheOrchestratorAccepted(t *testing.T) {
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
		for _, away := range []error{nil, domain.Unavailable("redis", 0)} {
			o := &office{reply: ports.Passthrough{Status: 202, Body: []byte(body)}, away: away}
			reply, err := app.NewRegistrations(o, o, slog.New(slog.DiscardHandler)).Register(t.Context(), domain.Caller{User: "u1"}, domain.Registration{})
			require.NoError(t, err)
			require.Equal(t, o.reply, reply)
			require.Equal(t, want, o.saved, body)
		}
	}
	for _, status := range []int{200, 201, 400, 403, 500} {
		o := &office{reply: ports.Passthrough{Status: status, Body: []byte(`{"batch_id":"b1"}`)}}
		_, err := app.NewRegistrations(o, o, slog.New(slog.DiscardHandler)).Register(t.Context(), domain.Caller{User: "u1"}, domain.Registration{})
		require.NoError(t, err)
		require.Empty(t, o.saved, status)
	}
}
