// Command websocket runs the notification service until it is interrupted.
// Every setting comes from the environment: see docs/configuration.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

// idleGC is the collector's target, in percent, unless GOGC says otherwise.
// Most of this service's memory belongs to idle sockets: collecting sooner
// keeps it a sixth smaller and costs little while nobody connects.
const idleGC = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(idleGC)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal drains; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(wire.WebSocketCommand().Run(ctx, os.Args[1:], env.Vars(os.Environ()), os.Stdout, os.Stderr))
}
