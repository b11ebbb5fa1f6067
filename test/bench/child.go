package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/huleedu/edge/wire"
)

// child runs one of the child processes of a benchmark. The first argument is the
// kind; the others are KEY=VALUE. It ends when standard input is closed, which
// also happens when the parent process dies.
func child(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("the kind of child is missing")
	}
	vars := map[string]string{}
	for _, a := range args[1:] {
		key, value, _ := strings.Cut(a, "=")
		vars[key] = value
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process, because a read of standard input cannot be cancelled
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	switch args[0] {
	case "backend":
		return serve(ctx, newBackend(), out)
	case "proxy":
		handler, err := bareProxy(vars["to"])
		if err != nil {
			return err
		}
		return serve(ctx, handler, out)
	case "sockets":
		hub := newBareSockets(vars["redis"])
		defer hub.close()
		return serve(ctx, hub.follow(ctx), out)
	case "gateway", "websocket":
		return runService(ctx, args[0], vars, out)
	default:
		return fmt.Errorf("unknown child %q", args[0])
	}
}

// serve serves the handler on a free loopback port until ctx is done. It prints
// the address in the log format of the services.
func serve(ctx context.Context, handler http.Handler, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // no client waits for a response any more
	defer stop()
	started, err := json.Marshal(map[string]string{"event": "started", "address": listener.Addr().String()})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%s\n", started); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// runService runs a service in this process, with a CPU profile if requested.
func runService(ctx context.Context, name string, vars map[string]string, out io.Writer) error {
	if path := vars["profile"]; path != "" {
		delete(vars, "profile")
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	run := wire.WebSocketCommand().Run
	if name == "gateway" {
		run = wire.GatewayCommand().Run
	}
	if code := run(ctx, nil, vars, out, os.Stderr); code != 0 {
		return fmt.Errorf("%s ended with code %d", name, code)
	}
	return nil
}
