// Command edge is the development tool: it runs both services on one machine
// with a simulated platform, and calls running services as a user would. It is
// never deployed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal starts a graceful shutdown. A second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, tool{args: os.Args[1:], vars: env.Vars(os.Environ()), out: os.Stdout, errs: os.Stderr}))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, t tool) int {
	root := &cobra.Command{
		Use:           "edge",
		Short:         "Run the HuleEdu edge services on one machine and call them",
		Version:       wire.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(t.upCommand(), t.platformCommand(), t.tokenCommand(), t.listenCommand(), t.pipelineCommand(), t.notifyCommand(), t.disconnectCommand(), t.sessionsCommand(),
		t.configCommand(), t.consoleCommand(), t.nodeCommand())
	root.SetArgs(t.args)
	root.SetOut(t.out)
	root.SetErr(t.errs)
	err := root.ExecuteContext(ctx)
	switch {
	case errors.Is(err, errInvalidSettings):
		return 2
	case err != nil:
		_, _ = fmt.Fprintln(t.errs, "edge:", err)
		return 1
	default:
		return 0
	}
}
