// Command websocket runs the notification service until it is interrupted.
// Every setting comes from the environment: see docs/configuration.md.
package main

import (
	"context"
	"os"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

func main() {
	// An operator who sets it has thought about it. GOMEMLIMIT holds all the same.
	if os.Getenv("GOGC") == "" {
		startPacer(idleAfter)
	}
	ctx := wire.UntilSignalled(context.Background())
	os.Exit(wire.WebSocketCommand().Run(ctx, os.Args[1:], env.Vars(os.Environ()), os.Stdout, os.Stderr))
}
