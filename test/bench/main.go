package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command runs the program and returns the exit code. The first argument "child"
// selects a child process.
func command(ctx context.Context, args []string, out, errs io.Writer) int {
	var err error
	if len(args) > 0 && args[0] == "child" {
		err = child(ctx, args[1:], out)
	} else {
		err = bench(ctx, args, out, errs)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 2
	default:
		_, _ = fmt.Fprintln(errs, "bench:", err)
		return 1
	}
}

// bench runs the selected scenarios and prints the report. The report includes the
// results before a failure.
func bench(ctx context.Context, args []string, out, errs io.Writer) error {
	o, err := parse(args, errs)
	if err != nil {
		return err
	}
	l, err := newRunner(ctx, o, errs)
	if err != nil {
		return err
	}
	defer l.close()
	var found report
	var failed error
	measured := l.provenance(ctx)
	for _, s := range o.scenarios {
		l.logf("%s", s.id())
		rows, err := s.run(ctx, l)
		found.add(s, rows)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.id(), err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	failed = errors.Join(failed, found.print(out, o.quick))
	if o.page != "" {
		failed = errors.Join(failed, updatePage(o.page, found.rows, measured))
	}
	return failed
}
