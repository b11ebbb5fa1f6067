// Command websocket runs the notification service until it gets SIGTERM, SIGINT or SIGHUP.
// Every setting comes from the environment: see docs/configuration.md.
package main

import (
	"context"
	"os"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

func main() {
	// GOGC, when set, replaces the pacer. GOMEMLIMIT applies in both cases.
	if os.Getenv("GOGC") == "" {
		startPacer(idleAfter)
	}
	ctx := wire.UntilSignalled(context.Background())
	os.Exit(wire.WebSocketCommand().Run(ctx, os.Args[1:], env.Vars(os.Environ()), os.Stdout, os.Stderr))
}
