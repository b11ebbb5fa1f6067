package wire

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/domain"
)

// Exit codes of the two services.
const (
	exitClean   = 0
	exitFailed  = 1
	exitSetting = 2
)

// Command is a service's program: it reads settings, wires, runs and says how
// it ended.
type Command[C any] struct {
	name     domain.Service
	prefixes []string
	wire     func(C, io.Writer) (*Process, func(), error)
}

// GatewayCommand is the program of the API gateway.
func GatewayCommand() Command[GatewayConfig] {
	return Command[GatewayConfig]{
		name: domain.GatewayService, wire: Gateway,
		prefixes: []string{"API_GATEWAY_", "JWT_"},
	}
}

// WebSocketCommand is the program of the notification service.
func WebSocketCommand() Command[WebSocketConfig] {
	return Command[WebSocketConfig]{
		name: domain.WebSocketService, wire: WebSocket,
		prefixes: []string{"WEBSOCKET_", "NOTIFICATION_", "JWT_"},
	}
}

// Run lives until ctx is done and returns the process's exit code: 0 after a
// clean stop, 2 for settings that cannot be used, 1 for any other failure.
// vars is the environment; logs go to out, problems to errs.
func (c Command[C]) Run(ctx context.Context, args []string, vars map[string]string, out, errs io.Writer) int {
	flags := flag.NewFlagSet(string(c.name), flag.ContinueOnError)
	flags.SetOutput(errs)
	version := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return exitSetting
	}
	if *version {
		_, _ = fmt.Fprintln(out, c.name, domain.Version)
		return exitClean
	}
	cfg, err := c.settings(vars, errs)
	if err != nil {
		for _, line := range env.Explain(err) {
			_, _ = fmt.Fprintln(errs, line)
		}
		return exitSetting
	}
	if err := c.live(ctx, cfg, out); err != nil {
		_, _ = fmt.Fprintln(errs, err)
		return exitFailed
	}
	return exitClean
}

// settings reads everything and warns about variables that look like ours.
func (c Command[C]) settings(vars map[string]string, errs io.Writer) (C, error) {
	var cfg C
	vars, err := env.DotEnv(".env", vars)
	if err != nil {
		return cfg, err
	}
	for _, name := range env.Unknown(&cfg, vars, c.prefixes...) {
		_, _ = fmt.Fprintln(errs, "warning: unknown setting", name)
	}
	err = env.Read(&cfg, vars)
	return cfg, err
}

func (c Command[C]) live(ctx context.Context, cfg C, out io.Writer) error {
	process, release, err := c.wire(cfg, out)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	defer release()
	return process.Run(ctx)
}
