// Command websocket runs the notification service until it is interrupted.
// Every setting comes from the environment: see docs/configuration.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

func main() {
	// An operator who sets it has thought about it. GOMEMLIMIT holds all the same.
	if os.Getenv("GOGC") == "" {
		pace(calmAfter)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal drains; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(wire.WebSocketCommand().Run(ctx, os.Args[1:], env.Vars(os.Environ()), os.Stdout, os.Stderr))
}
