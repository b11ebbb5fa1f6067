package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// startRedis starts a redis-server without persistence, unless -redis is set.
func (l *runner) startRedis(ctx context.Context) error {
	if l.redis != "" {
		return nil
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(address)
	c := exec.CommandContext(ctx, "redis-server", "--port", port, "--bind", "127.0.0.1", "--protected-mode", "no",
		"--save", "", "--appendonly", "no", "--dir", l.dir, "--logfile", os.DevNull,
		"--client-output-buffer-limit", "pubsub 0 0 0") // otherwise Redis closes a node that waits for CPU
	if err := c.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	l.cleanups = append(l.cleanups, func() {
		_ = c.Process.Kill()
		_ = c.Wait() // returns an error for the signal
	})
	l.redis = address
	return pollUntil(ctx, 10*time.Second, func() bool { return respondsToPing(address) })
}

// respondsToPing reports whether a Redis at the address responds to PING.
func respondsToPing(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, "PING\r\nQUIT\r\n") // the read detects an error
	reply, err := io.ReadAll(conn)
	return err == nil && strings.HasPrefix(string(reply), "+PONG")
}

// kafkaAddr returns the address of a real Kafka. The first call starts one with
// test/servers/kafka.sh, unless -kafka is set.
func (l *runner) kafkaAddr(ctx context.Context) (string, error) {
	if l.kafka != "" {
		return l.kafka, nil
	}
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(address)
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/huleedu/edge").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	script := filepath.Join(strings.TrimSpace(string(root)), "test", "servers", "kafka.sh")
	call := func(ctx context.Context, verb string) error {
		c := exec.CommandContext(ctx, "env", "KAFKA_PORT="+port, "KAFKA_RUN="+filepath.Join(l.dir, "kafka"), "bash", script, verb)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("kafka.sh %s: %w\n%s", verb, err, out)
		}
		return nil
	}
	l.logf("starting Kafka")
	l.cleanups = append(l.cleanups, func() { _ = call(context.WithoutCancel(ctx), "stop") })
	if err := call(ctx, "start"); err != nil {
		return "", err
	}
	l.kafka = address
	return address, nil
}

// freeAddress returns a loopback address whose port and the next port are free,
// below the range of outgoing connections.
func freeAddress() (string, error) {
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if portFree(port) && portFree(port+1) {
			return fmt.Sprintf("127.0.0.1:%d", port), nil
		}
	}
	return "", errors.New("no free port between 20000 and 32000")
}

func portFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	return err == nil && l.Close() == nil
}
