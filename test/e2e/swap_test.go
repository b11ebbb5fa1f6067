package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/wire"
)

// anyToken is a token validator that takes a token for its holder's name.
type anyToken struct{}

// Validate believes everything.
func (anyToken) Validate(_ context.Context, token string) (domain.Caller, error) {
	return domain.Caller{User: domain.UserID(token)}, nil
}

// Example_swapAdapters puts other adapters behind the gateway: no Kafka, no
// platform and no signatures, but the same routes, rules and answers. Whatever
// satisfies a port may stand there.
func Example_swapAdapters() {
	var settings wire.GatewayConfig
	if err := env.Read(&settings, map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": "not used here",
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "API_GATEWAY_DRAIN_NOTICE": "0",
	}); err != nil {
		fmt.Println(err)
		return
	}

	// The platform's twin answers about batches, allows every pipeline and keeps
	// the commands that Kafka would get.
	platform := memory.NewPlatform()
	platform.AddBatch("batch-1", domain.BatchReport{Owner: "teacher-anna", Overall: "ready_for_pipeline_execution"})

	gateway, err := wire.GatewayOn(settings, wire.Ports{
		Tokens:     anyToken{},
		Limiter:    memory.NewRateLimiter(),
		Batches:    platform,
		Preflight:  platform,
		Commands:   platform,
		Registry:   platform,
		Answers:    memory.NewIdempotency(),
		Registered: memory.NewRegistrations(),
		Observer:   new(memory.Facts),
		Tracing:    noop.NewTracerProvider(),
	}, io.Discard)
	if err != nil {
		fmt.Println(err)
		return
	}
	gateway.Start()

	fmt.Println(post(gateway, "teacher-anna"))
	fmt.Println(post(gateway, "teacher-bo"))
	for _, command := range platform.Commands() {
		fmt.Println(command.Topic, command.Key, command.Caller.User, command.Pipeline)
	}
	fmt.Println(gateway.Stop(context.Background()))

	// Output:
	// 202 Accepted
	// 403 Forbidden
	// huleedu.commands.batch.pipeline.v1 batch-1 teacher-anna spellcheck
	// <nil>
}

// post asks the gateway for a spellcheck of batch-1.
func post(gateway *wire.Process, user string) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost,
		"http://"+gateway.Addr+"/v1/batches/batch-1/pipelines", strings.NewReader(`{"requested_pipeline":"spellcheck"}`))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+user)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	return res.Status
}
