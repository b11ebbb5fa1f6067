// Command websocket runs the notification service until it gets SIGTERM, SIGINT or SIGHUP.
// Every setting comes from the environment: see docs/configuration.md.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

// gcPercent is the GOGC value if GOGC is not set. Most of the heap belongs to idle
// connections, so Go's default of 100 would keep more garbage in memory. See
// docs/decisions/0011-gc-settings.md.
const gcPercent = 50

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx := wire.UntilSignalled(context.Background())
	os.Exit(wire.WebSocketCommand().Run(ctx, os.Args[1:], env.Vars(os.Environ()), os.Stdout, os.Stderr))
}
