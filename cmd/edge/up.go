package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
	"github.com/huleedu/edge/wire"
)

// upFlags holds the flags of "edge up".
type upFlags struct {
	redis, kafka                 string
	embeddedRedis, embeddedKafka string
	gateway, websockets          string
	pace                         time.Duration
}

func (t tool) upCommand() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Run both services and a simulated platform in one process",
		Long: "Run the gateway and the notification service on loopback addresses, with an embedded Redis and Kafka\n" +
			"and a simulated platform. The settings of the services come from the environment.\n" +
			"The command refuses to run in production.",
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
	c.Flags().DurationVar(&f.pace, "pace", 1500*time.Millisecond, "duration of one pipeline phase")
	return c
}

var errProduction = errors.New("\"edge up\" is for development: it refuses to run with ENVIRONMENT=production")

// up runs the services and the platform until ctx is done.
func (t tool) up(ctx context.Context, f upFlags) error {
	vars := withSecret(t.vars)
	if domain.Environment(vars["ENVIRONMENT"]) == domain.Production {
		return errProduction
	}
	addresses, err := f.addresses()
	if err != nil {
		return err
	}
	environment, err := world.Start(world.Config{
		RedisURL: f.redis, KafkaAddr: f.kafka, EmbeddedRedis: f.embeddedRedis, EmbeddedKafka: f.embeddedKafka,
		Pace: f.pace, InternalKey: internalKey(vars),
	})
	if err != nil {
		return err
	}
	defer environment.Close()
	environment.Platform.Seed(world.SampleTeachers()...)
	pair, err := t.build(serviceSettings(vars, addresses, environment))
	if err != nil {
		return err
	}
	defer pair.release()
	t.printStartup(pair, environment)
	return pair.run(ctx)
}

// internalKey returns the key that the platform requires on internal routes.
func internalKey(vars map[string]string) string {
	if key := vars["HULEEDU_INTERNAL_API_KEY"]; key != "" {
		return key
	}
	return "development-internal-key"
}

// addresses converts the address flags to the variables of the services.
func (f upFlags) addresses() (map[string]string, error) {
	gatewayHost, gatewayPort, err := net.SplitHostPort(f.gateway)
	if err != nil {
		return nil, fmt.Errorf("--gateway: %w", err)
	}
	socketHost, socketPort, err := net.SplitHostPort(f.websockets)
	if err != nil {
		return nil, fmt.Errorf("--websocket: %w", err)
	}
	return map[string]string{
		"API_GATEWAY_HTTP_HOST": gatewayHost, "API_GATEWAY_HTTP_PORT": gatewayPort,
		"WEBSOCKET_HOST": socketHost, "WEBSOCKET_PORT": socketPort,
	}, nil
}

// serviceSettings adds the addresses, the platform's URLs and development defaults to
// the environment of both services. It changes and returns vars.
func serviceSettings(vars, addresses map[string]string, w *world.World) map[string]string {
	set := func(key, value string) { vars[key] = value }
	fallback := func(key, value string) {
		if _, there := vars[key]; !there {
			vars[key] = value
		}
	}
	maps.Copy(vars, addresses)
	set("REDIS_URL", w.RedisURL)
	set("API_GATEWAY_REDIS_URL", w.RedisURL)
	set("KAFKA_BOOTSTRAP_SERVERS", w.KafkaAddr)
	set("API_GATEWAY_KAFKA_BOOTSTRAP_SERVERS", w.KafkaAddr)
	set("API_GATEWAY_RESULT_AGGREGATOR_URL", w.Platform.AggregatorURL())
	set("API_GATEWAY_BOS_URL", w.Platform.OrchestratorURL())
	set("API_GATEWAY_CMS_API_URL", w.Platform.ClassesURL())
	set("API_GATEWAY_BFF_TEACHER_URL", w.Platform.TeacherURL())
	set("API_GATEWAY_FILE_SERVICE_URL", w.Platform.FilesURL())
	set("HULEEDU_INTERNAL_API_KEY", internalKey(vars))
	for _, prefix := range []string{"", "API_GATEWAY_"} {
		fallback(prefix+"LOG_FORMAT", "console")
		fallback(prefix+"LOG_LEVEL", "warning")
	}
	fallback("API_GATEWAY_DRAIN_NOTICE", "0")
	fallback("WEBSOCKET_DRAIN_NOTICE", "0")
	fallback("WEBSOCKET_DRAIN_SPREAD", "1")
	return vars
}

// services holds both services of one process.
type services struct {
	gateway, websockets *wire.Process
	releases            []func()
}

// build creates both services. It releases what it has built when it fails.
func (t tool) build(vars map[string]string) (*services, error) {
	var g wire.GatewayConfig
	var w wire.WebSocketConfig
	if err := errors.Join(env.Read(&g, vars), env.Read(&w, vars)); err != nil {
		return nil, settingsError(err)
	}
	e := &services{}
	gateway, release, err := wire.Gateway(g, t.errs, wire.GatewayOverride{})
	if err != nil {
		return nil, fmt.Errorf("build the gateway: %w", err)
	}
	e.gateway, e.releases = gateway, append(e.releases, release)
	websockets, release, err := wire.WebSocket(w, t.errs, wire.WebSocketOverride{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("build the notification service: %w", err), e.stopUnstarted())
	}
	e.websockets, e.releases = websockets, append(e.releases, release)
	return e, nil
}

// stopUnstarted stops and releases services that never ran.
func (e *services) stopUnstarted() error {
	defer e.release()
	return e.gateway.Stop(context.Background())
}

func (e *services) release() {
	for _, release := range e.releases {
		release()
	}
}

// run runs both services until ctx is done. When one of them ends, the other is
// stopped.
func (e *services) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var both sync.WaitGroup
	errs := make([]error, 2)
	for i, p := range []*wire.Process{e.gateway, e.websockets} {
		both.Go(func() {
			defer cancel()
			errs[i] = p.Run(ctx)
		})
	}
	both.Wait()
	return errors.Join(errs...)
}
