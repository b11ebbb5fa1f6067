package wire

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/huleedu/edge/adapters/httpserver/healthcheck"
	"github.com/huleedu/edge/domain"
)

const (
	// exitClean is the exit code after a clean stop, --help or --version.
	exitClean = 0
	// exitFailed is the exit code after a failure of the service, or of its health check.
	exitFailed = 1
	// exitSetting is the exit code for invalid arguments or settings.
	exitSetting = 2
)

// Program is the program of a service. It reads settings, builds the service, runs it
// and returns an exit code.
type Program[C any] struct {
	name     domain.Service
	prefixes []string
	wire     func(C, io.Writer) (*Process, func(), error)
	// listenAddr returns the address on which the service accepts clients, and the file of its
	// certificate, which is empty without TLS.
	listenAddr func(C) (host string, port int, certFile string)
	// setEffective adds the settings with their sources to the configuration.
	setEffective func(*C, []domain.EffectiveSetting)
}

// GatewayCommand is the program of the API gateway.
func GatewayCommand() Program[GatewayConfig] {
	return Program[GatewayConfig]{
		name: domain.GatewayService, prefixes: []string{"API_GATEWAY_", "JWT_"},
		wire: func(c GatewayConfig, out io.Writer) (*Process, func(), error) {
			return Gateway(c, out, GatewayOverride{})
		},
		listenAddr:   func(c GatewayConfig) (string, int, string) { return c.HTTP.Host, c.HTTP.Port, c.HTTP.TLSCertFile },
		setEffective: func(c *GatewayConfig, all []domain.EffectiveSetting) { c.Effective = all },
	}
}

// WebSocketCommand is the program of the notification service.
func WebSocketCommand() Program[WebSocketConfig] {
	return Program[WebSocketConfig]{
		name: domain.WebSocketService, prefixes: []string{"WEBSOCKET_", "NOTIFICATION_", "JWT_"},
		wire: func(c WebSocketConfig, out io.Writer) (*Process, func(), error) {
			return WebSocket(c, out, WebSocketOverride{})
		},
		listenAddr:   func(c WebSocketConfig) (string, int, string) { return c.HTTP.Host, c.HTTP.Port, c.HTTP.TLSCertFile },
		setEffective: func(c *WebSocketConfig, all []domain.EffectiveSetting) { c.Effective = all },
	}
}

// Run runs the service until ctx is done and returns the exit code of the process: 0
// after a clean stop, 2 for invalid arguments or settings, 1 for any other failure.
// vars is the environment. Logs are written to out, problems to errs.
func (c Program[C]) Run(ctx context.Context, args []string, vars map[string]string, out, errs io.Writer) int {
	selected, err := c.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.help(out)
		return exitClean
	case err != nil:
		printLines(errs, fmt.Sprintf("%s: %s; see --help", c.name, err))
		return exitSetting
	case selected.version:
		_, _ = fmt.Fprintln(out, c.name, Version())
		return exitClean
	}
	config, report := c.Read(Environment(vars))
	if selected.health {
		return c.checkHealth(ctx, config, report, errs)
	}
	printLines(errs, report.Warnings...)
	if len(report.Problems) > 0 {
		printLines(errs, report.Problems...)
		return exitSetting
	}
	if err := c.serve(ctx, config, out); err != nil {
		printLines(errs, err.Error())
		return exitFailed
	}
	return exitClean
}

// options are the command line flags that replace running the service.
type options struct{ version, health bool }

func (c Program[C]) parse(args []string) (selected options, err error) {
	flags := flag.NewFlagSet(string(c.name), flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&selected.version, "version", false, "")
	flags.BoolVar(&selected.health, "healthcheck", false, "")
	if err := flags.Parse(args); err != nil {
		return selected, err
	}
	if flags.NArg() > 0 {
		return selected, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	return selected, nil
}

func (c Program[C]) help(out io.Writer) {
	_, _ = fmt.Fprintf(out, `%s runs until it gets SIGTERM, SIGINT or SIGHUP, then drains; a second signal ends it at once.
All settings come from the environment: see docs/configuration.md.

  --healthcheck  check whether the service on the configured port is alive: exit 0 or 1
  --version      print the version and exit
  --help         print this and exit

Exit codes: 0 clean stop, 1 failure, 2 invalid arguments or settings.
`, c.name)
}

// checkHealth queries the running service. It returns only 0 or 1, because container
// engines reserve other codes, and does not repeat the warnings of the start.
func (c Program[C]) checkHealth(ctx context.Context, config C, report Report, errs io.Writer) int {
	if len(report.Problems) > 0 {
		printLines(errs, report.Problems...)
		return exitFailed
	}
	host, port, certFile := c.listenAddr(config)
	if err := healthcheck.Alive(ctx, c.name, host, port, certFile); err != nil {
		printLines(errs, err.Error())
		return exitFailed
	}
	return exitClean
}

func printLines(w io.Writer, lines ...string) {
	for _, line := range lines {
		_, _ = fmt.Fprintln(w, line)
	}
}

func (c Program[C]) serve(ctx context.Context, cfg C, out io.Writer) error {
	process, release, err := c.wire(cfg, out)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	defer release()
	return process.Run(ctx)
}
