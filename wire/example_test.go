package wire_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/huleedu/edge/adapters/console"
	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// printer is a ports.CommandPublisher that prints commands.
type printer struct{}

// Publish prints the command.
func (printer) Publish(_ context.Context, c domain.Command) error {
	fmt.Println("published", c.Pipeline, "of", c.Key)
	return nil
}

// The gateway of production, with one adapter replaced: commands are printed and not
// published on Kafka.
func ExampleGateway() {
	environment, vars := exampleEnvironment()
	defer environment.Close()
	var cfg wire.GatewayConfig
	exit(env.Read(&cfg, vars))

	gateway, release, err := wire.Gateway(cfg, io.Discard, wire.GatewayOverride{Commands: printer{}})
	exit(err)
	defer release()
	gateway.Start()

	client := console.GatewayClient{URL: "http://" + gateway.Addr, Token: exampleToken(cfg.Tokens)}
	response, err := client.StartPipeline(context.Background(), "batch-anna-1", "spellcheck")
	exit(err)
	fmt.Println(response.Status)
	exit(gateway.Stop(context.Background()))
	// Output:
	// published spellcheck of batch-anna-1
	// accepted
}

// The notification service of production, with one adapter replaced: messages come from
// a bus in memory and not from Redis.
func ExampleWebSocket() {
	environment, vars := exampleEnvironment()
	defer environment.Close()
	var cfg wire.WebSocketConfig
	exit(env.Read(&cfg, vars))

	bus := memory.NewBus()
	service, release, err := wire.WebSocket(cfg, io.Discard, wire.WebSocketOverride{Listener: bus})
	exit(err)
	defer release()
	service.Start()

	ctx, cancel := context.WithCancel(context.Background())
	client := console.NotificationClient{
		URL: "ws://" + service.Addr + "/ws", Token: exampleToken(cfg.Tokens), Since: "$",
		OnStatus: func(status string) {
			if status == "connected" {
				bus.Send("teacher-anna", []byte(`{"event":"hello"}`))
			}
		},
		OnFrame: func(frame []byte) {
			fmt.Println(string(frame))
			cancel()
		},
	}
	exit(client.Listen(ctx))
	exit(service.Stop(context.Background()))
	// Output: {"event":"hello"}
}

// exampleEnvironment starts a simulated platform, Redis and Kafka, and returns the
// settings of the services.
func exampleEnvironment() (*world.World, map[string]string) {
	w, err := world.Start(world.Config{InternalKey: material})
	exit(err)
	w.Platform.Seed(world.SampleTeachers()...)
	return w, map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": material, "HULEEDU_INTERNAL_API_KEY": material,
		"REDIS_URL": w.RedisURL, "KAFKA_BOOTSTRAP_SERVERS": w.KafkaAddr,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": w.Platform.AggregatorURL(), "API_GATEWAY_BOS_URL": w.Platform.OrchestratorURL(),
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "API_GATEWAY_DRAIN_NOTICE": "0",
		"WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0", "WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0",
	}
}

func exampleToken(c jwt.Config) string {
	now := time.Now()
	token, err := jwt.Mint(c, jwt.Claims{User: "teacher-anna", Issued: now, Expires: now.Add(time.Hour)})
	exit(err)
	return token
}

// exit stops the example after an error.
func exit(err error) {
	if err != nil {
		panic(err)
	}
}
