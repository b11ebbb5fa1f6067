// Command gateway runs the API gateway until it gets SIGTERM, SIGINT or SIGHUP. Every setting
// comes from the environment: see docs/configuration.md.
package main

import (
	"context"
	"os"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

func main() {
	ctx := wire.UntilSignalled(context.Background())
	os.Exit(wire.GatewayCommand().Run(ctx, os.Args[1:], env.Vars(os.Environ()), os.Stdout, os.Stderr))
}
