package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/world"
)

func (t tool) platformCommand() *cobra.Command {
	var host string
	var pace time.Duration
	c := &cobra.Command{
		Use:   "platform",
		Short: "Run the simulated platform alone, beside services that run elsewhere",
		Long: "Run the simulated platform alone: the services behind the gateway, on the ports of the real ones.\n" +
			"REDIS_URL, KAFKA_BOOTSTRAP_SERVERS and HULEEDU_INTERNAL_API_KEY are those of the services.\n" +
			"The command refuses to run in production.",
		Example: "  edge platform --host 0.0.0.0",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return t.platform(c.Context(), host, pace) },
	}
	c.Flags().StringVar(&host, "host", loopback, "address to listen on")
	c.Flags().DurationVar(&pace, "pace", 1500*time.Millisecond, "duration of one pipeline phase")
	return c
}

var errPlatformProduction = errors.New("\"edge platform\" is for development: it refuses to run with ENVIRONMENT=production")

// platform runs the simulated platform until ctx is done.
func (t tool) platform(ctx context.Context, host string, pace time.Duration) error {
	if domain.Environment(t.vars["ENVIRONMENT"]) == domain.Production {
		return errPlatformProduction
	}
	vars := t.withServers("", "")
	at := func(port string) string { return net.JoinHostPort(host, port) }
	p, err := world.StartPlatform(world.PlatformConfig{
		KafkaAddr: vars["KAFKA_BOOTSTRAP_SERVERS"], RedisURL: vars["REDIS_URL"], Pace: pace,
		InternalKey:    cmp.Or(vars["HULEEDU_INTERNAL_API_KEY"], developmentInternalKey),
		AggregatorAddr: at("4003"), OrchestratorAddr: at("5000"), ClassesAddr: at("5002"),
		TeacherAddr: at("4101"), FilesAddr: at("7001"),
	})
	if err != nil {
		return fmt.Errorf("run the platform: %w", err)
	}
	defer p.Close()
	p.Seed(world.SampleTeachers()...)
	t.printf("the simulated platform runs on %s\n", host)
	t.printTeachers()
	<-ctx.Done()
	return nil
}
