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

// exitUsage is the exit code for invalid arguments or settings.
const exitUsage = 2

// errReported makes the exit code 1 after the problem was printed.
var errReported = errors.New("reported")

// run executes one command line and returns the exit code.
func run(ctx context.Context, t tool) int {
	root := &cobra.Command{
		Use:           "edge",
		Short:         "Run the HuleEdu edge services on one machine and call them",
		Version:       wire.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	t.json, t.terminal = new(bool), isTerminal(t.out, t.vars)
	root.PersistentFlags().BoolVar(t.json, "json", false, "print JSON, one value on each line")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(t.upCommand(), t.platformCommand(), t.tokenCommand(), t.listenCommand(), t.pipelineCommand(), t.notifyCommand(), t.disconnectCommand(), t.sessionsCommand(),
		t.configCommand(), t.tailCommand(), t.historyCommand(), t.nodesCommand(), t.deadLettersCommand(), t.uploadCommand(), t.doctorCommand(), t.consoleCommand(), t.nodeCommand())
	root.SetArgs(t.args)
	root.SetOut(t.out)
	root.SetErr(t.errs)
	err := root.ExecuteContext(ctx)
	switch {
	case errors.Is(err, errInvalidSettings):
		return exitUsage
	case errors.Is(err, errReported):
		return 1
	case err != nil:
		_, _ = fmt.Fprintln(t.errs, "edge:", err)
		if isUsageError(err) {
			return exitUsage
		}
		return 1
	default:
		return 0
	}
}
