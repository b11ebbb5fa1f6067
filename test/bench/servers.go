package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// startRedis starts a Redis without persistence, unless -redis is set.
func (l *runner) startRedis(ctx context.Context) error {
	if l.redis != "" {
		return nil
	}
	var err error
	l.redis, err = l.startServer(ctx, "redis", "REDIS_ARGS=--client-output-buffer-limit pubsub 0 0 0") // otherwise Redis closes a node that waits for CPU
	return err
}

// kafkaAddr returns the address of a real Kafka. The first call starts one, unless -kafka is set.
func (l *runner) kafkaAddr(ctx context.Context) (string, error) {
	if l.kafka != "" {
		return l.kafka, nil
	}
	l.logf("starting Kafka")
	var err error
	l.kafka, err = l.startServer(ctx, "kafka")
	return l.kafka, err
}

// startServer starts a server with test/servers/KIND.sh and returns its host:port, or "" with an error. close stops the server.
func (l *runner) startServer(ctx context.Context, kind string, settings ...string) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/huleedu/edge").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	prefix := strings.ToUpper(kind)
	settings = append(settings, fmt.Sprintf("%s_PORT=%d", prefix, port), prefix+"_RUN="+filepath.Join(l.dir, kind))
	call := func(ctx context.Context, verb string) error {
		c := exec.CommandContext(ctx, "bash", filepath.Join(strings.TrimSpace(string(root)), "test", "servers", kind+".sh"), verb)
		c.Env = append(os.Environ(), settings...)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s.sh %s: %w\n%s", kind, verb, err, out)
		}
		return nil
	}
	l.cleanups = append(l.cleanups, func() { _ = call(context.WithoutCancel(ctx), "stop") })
	if err := call(ctx, "start"); err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", port), nil
}

// freePort returns a port that is free together with the next one, below the range of outgoing connections.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if portFree(port) && portFree(port+1) {
			return port, nil
		}
	}
	return 0, errors.New("no free port between 20000 and 32000")
}

func portFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	return err == nil && l.Close() == nil
}
