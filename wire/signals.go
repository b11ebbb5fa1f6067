package wire

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignalled returns a context that ends when the process gets SIGINT,
// SIGTERM or SIGHUP: each of them drains a service. A second signal has its
// default effect and ends the process at once. A SIGHUP that was ignored when
// the process started, as under nohup, stays ignored.
func UntilSignalled(ctx context.Context) context.Context {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, signals...)
	context.AfterFunc(ctx, stop)
	return ctx
}
