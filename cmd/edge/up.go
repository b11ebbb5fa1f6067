package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/cmd/edge/internal/demonstration"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// upFlags holds the flags of "edge up".
type upFlags struct {
	redis, kafka                 string
	embeddedRedis, embeddedKafka string
	gateway, websockets, example string
	pace                         time.Duration
}

func (t tool) upCommand() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Run both services and a simulated platform in one process",
		Long: "Run the gateway and the notification service on loopback addresses, with an embedded Redis and Kafka\n" +
			"and a simulated platform. The settings of the services come from the environment and from\n" +
			".env in the current directory; the flags name the addresses. The command refuses to run in production.",
		Example: "  edge up\n  edge up --redis redis://127.0.0.1:6379 --kafka 127.0.0.1:9092",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return t.up(c.Context(), f) },
	}
	c.Flags().StringVar(&f.redis, "redis", "", "URL of a real Redis instead of the embedded one")
	c.Flags().StringVar(&f.kafka, "kafka", "", "host:port of a real Kafka instead of the embedded one")
	c.Flags().StringVar(&f.embeddedRedis, "redis-listen", loopbackAddr(redisPort), "address of the embedded Redis")
	c.Flags().StringVar(&f.embeddedKafka, "kafka-listen", loopbackAddr(kafkaPort), "address of the embedded Kafka")
	c.Flags().StringVar(&f.gateway, "gateway", loopbackAddr(gatewayPort), "address of the gateway")
	c.Flags().StringVar(&f.websockets, "websocket", loopbackAddr(socketPort), "address of the notification service")
	c.Flags().StringVar(&f.example, "example", loopbackAddr(examplePort), "address of the console and the example page; empty: none")
	c.Flags().DurationVar(&f.pace, "pace", 1500*time.Millisecond, "duration of one pipeline phase")
	return c
}

var errProduction = errors.New("\"edge up\" is for development: it refuses to run with ENVIRONMENT=production")

// up runs the services and the platform until ctx is done.
func (t tool) up(ctx context.Context, f upFlags) error {
	vars, err := t.serviceVars()
	if err != nil {
		return err
	}
	if domain.Environment(vars["ENVIRONMENT"]) == domain.Production {
		return errProduction
	}
	if err := f.validate(vars); err != nil {
		return err
	}
	internalKey := cmp.Or(vars["HULEEDU_INTERNAL_API_KEY"], developmentInternalKey)
	environment, err := world.Start(world.Config{
		RedisURL: f.redis, KafkaAddr: f.kafka, EmbeddedRedis: f.embeddedRedis, EmbeddedKafka: f.embeddedKafka,
		Pace: f.pace, InternalKey: internalKey,
	})
	if err != nil {
		return err
	}
	defer environment.Close()
	environment.Platform.Seed(world.SampleTeachers()...)
	maps.Copy(vars, f.addresses())
	maps.Copy(vars, platformSettings(environment, internalKey))
	return t.runServices(ctx, withDevelopmentDefaults(vars), f.example, environment)
}

// validate checks the flags before anything starts.
func (f upFlags) validate(vars map[string]string) error {
	listeners := map[string]string{"--gateway": f.gateway, "--websocket": f.websockets, "--redis-listen": f.embeddedRedis, "--kafka-listen": f.embeddedKafka}
	if f.example != "" {
		listeners["--example"] = f.example
	}
	for _, name := range slices.Sorted(maps.Keys(listeners)) {
		if err := checkListen(name, listeners[name]); err != nil {
			return err
		}
	}
	if f.pace < 0 {
		return usagef("--pace %s: must not be negative", f.pace)
	}
	servers := maps.Clone(vars)
	servers["REDIS_URL"], servers["KAFKA_BOOTSTRAP_SERVERS"] = cmp.Or(f.redis, "redis://"+loopback), cmp.Or(f.kafka, loopbackAddr(kafkaPort))
	var redisConfig redis.Config
	var kafkaConfig kafka.ConsumerConfig
	if err := errors.Join(env.Read(&redisConfig, servers), env.Read(&kafkaConfig, servers)); err != nil {
		return settingsError(err)
	}
	return nil
}

// addresses converts the address flags to the variables of the services.
func (f upFlags) addresses() map[string]string {
	gatewayHost, gatewayPort, _ := net.SplitHostPort(f.gateway) // validate has checked both
	socketHost, socketPort, _ := net.SplitHostPort(f.websockets)
	return map[string]string{
		"API_GATEWAY_HTTP_HOST": gatewayHost, "API_GATEWAY_HTTP_PORT": gatewayPort,
		"WEBSOCKET_HOST": socketHost, "WEBSOCKET_PORT": socketPort,
	}
}

// platformSettings returns the variables of both services for the servers and the
// platform.
func platformSettings(w *world.World, internalKey string) map[string]string {
	return map[string]string{
		"REDIS_URL": w.RedisURL, "API_GATEWAY_REDIS_URL": w.RedisURL,
		"KAFKA_BOOTSTRAP_SERVERS": w.KafkaAddr, "API_GATEWAY_KAFKA_BOOTSTRAP_SERVERS": w.KafkaAddr,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": w.Platform.AggregatorURL(),
		"API_GATEWAY_BOS_URL":               w.Platform.OrchestratorURL(),
		"API_GATEWAY_CMS_API_URL":           w.Platform.ClassesURL(),
		"API_GATEWAY_BFF_TEACHER_URL":       w.Platform.TeacherURL(),
		"API_GATEWAY_FILE_SERVICE_URL":      w.Platform.FilesURL(),
		"HULEEDU_INTERNAL_API_KEY":          internalKey,
	}
}

// withDevelopmentDefaults returns the variables with defaults for a terminal, a quick stop, and
// time limits that a person can wait for.
func withDevelopmentDefaults(vars map[string]string) map[string]string {
	out := map[string]string{
		"LOG_FORMAT": "console", "API_GATEWAY_LOG_FORMAT": "console", "LOG_LEVEL": "warning", "API_GATEWAY_LOG_LEVEL": "warning",
		"API_GATEWAY_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "1",
		"API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS": "5", "API_GATEWAY_HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": "10",
	}
	if vars["ADMIN_TOKEN"] == "" && vars["API_GATEWAY_ADMIN_ADDR"] == "" && vars["WEBSOCKET_ADMIN_ADDR"] == "" {
		// The console asks the services as an operator does.
		out["ADMIN_TOKEN"], out["API_GATEWAY_ADMIN_ADDR"], out["WEBSOCKET_ADMIN_ADDR"] = rand.Text()+rand.Text(), loopbackAddr(0), loopbackAddr(0)
	}
	maps.Copy(out, vars)
	return out
}

// runServices builds both services and runs them until ctx is done. When one of them
// ends, the other is stopped. example is the address of the console and the
// example page.
func (t tool) runServices(ctx context.Context, vars map[string]string, example string, w *world.World) error {
	var gatewayConfig wire.GatewayConfig
	var webSocketConfig wire.WebSocketConfig
	if err := errors.Join(env.Read(&gatewayConfig, vars), env.Read(&webSocketConfig, vars)); err != nil {
		return settingsError(err)
	}
	source := wire.Variables(vars, "edge up") // operators see the source of each setting
	gatewayConfig, _ = wire.GatewayCommand().Read(source)
	webSocketConfig, _ = wire.WebSocketCommand().Read(source)
	d := demonstration.New(vars, w, t.errs)
	defer d.Close()
	context.AfterFunc(ctx, d.Repair) // a frozen Redis would delay the drain
	gatewayOverride, socketOverride := d.Overrides(vars)
	gateway, release, err := wire.Gateway(gatewayConfig, t.errs, gatewayOverride)
	if err != nil {
		return fmt.Errorf("build the gateway: %w", err)
	}
	defer release()
	webSocket, release, err := wire.WebSocket(webSocketConfig, t.errs, socketOverride)
	if err != nil {
		return errors.Join(fmt.Errorf("build the notification service: %w", err), gateway.Stop(context.WithoutCancel(ctx)))
	}
	defer release()
	d.Gateway, d.Notifications = gateway, webSocket
	stopPages, err := t.startPages(example, vars, d)
	if err != nil {
		return errors.Join(err, gateway.Stop(context.WithoutCancel(ctx)), webSocket.Stop(context.WithoutCancel(ctx)))
	}
	defer stopPages()
	t.printStartup(gateway, webSocket, w, vars["ADMIN_TOKEN"])

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- webSocket.Run(ctx)
	}()
	err = gateway.Run(ctx)
	cancel()
	return errors.Join(err, <-done)
}
