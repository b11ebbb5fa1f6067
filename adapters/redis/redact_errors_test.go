package redis_test

import (
	"bufio"
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/tcp"
)

// secret is a private word in an error reply.
const secret = "hunter2"

// startRefusingServer starts a server that answers every command with an error reply, and
// returns its URL. Scripts are answered with result, unless it is empty.
func startRefusingServer(t testing.TB, reply, result string) string {
	t.Helper()
	return "redis://" + tcp.Serve(t, func(conn net.Conn) { refuseCommands(conn, reply, result) })
}

// refuseCommands answers each command with the reply. A command is an array of
// bulk strings without line feeds.
func refuseCommands(conn net.Conn, reply, result string) {
	lines := bufio.NewReader(conn)
	for {
		head, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		parts, _ := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "*")))
		response := "-" + reply + "\r\n"
		for range 2 * parts {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if result != "" && strings.HasPrefix(line, "eval") {
				response = result
			}
		}
		if _, err := conn.Write([]byte(response)); err != nil {
			return
		}
	}
}

func TestErrorsContainRedactedReplies(t *testing.T) {
	c := openClient(t, startRefusingServer(t, "NOPE password: "+secret, ""))
	registrations, log := redis.NewRegistrations(c), redis.NewLog(c)
	store, operator, key := redis.NewIdempotency(c), redis.NewOperator(c), domain.IdempotencyKey{User: "u1", Path: "p", Key: "k"}
	one := domain.Notification{User: "u1", EventID: "e1", Frame: []byte(`{"event":"e","data":{}}`)}
	for name, call := range map[string]func(context.Context) error{
		"save":       func(ctx context.Context) error { return registrations.Save(ctx, "u1", "b1") },
		"registered": func(ctx context.Context) error { _, err := registrations.Registered(ctx, "u1", "b1"); return err },
		"since":      func(ctx context.Context) error { _, err := log.Since(ctx, "u1", domain.PositionStart); return err },
		"recent":     func(ctx context.Context) error { _, err := log.Recent(ctx, "u1", time.Minute); return err },
		"last":       func(ctx context.Context) error { _, err := log.Last(ctx, "u1"); return err },
		"origin":     func(ctx context.Context) error { _, err := log.Origin(ctx, "u1", "1-1"); return err },
		"claim":      func(ctx context.Context) error { _, err := store.Claim(ctx, key, "d"); return err },
		"confirm":    func(ctx context.Context) error { return store.Confirm(ctx, key, "running x d", nil) },
		"release":    func(ctx context.Context) error { return store.Release(ctx, key, "running x d") },
		"disconnect": func(ctx context.Context) error { return operator.Disconnect(ctx, "u1") },
		"message":    func(ctx context.Context) error { return operator.Publish(ctx, "ws:", "u1", []byte("x")) },
		"sessions":   func(ctx context.Context) error { _, err := operator.Sessions(ctx, "u1"); return err },
		"health":     func(ctx context.Context) error { return c.Health(ctx).Err },
		"publish": func(ctx context.Context) error {
			_, err := redis.NewNotifier(c, notifierConfig(), "ws:").Publish(ctx, one)
			return err
		},
		"control": func(ctx context.Context) error {
			return redis.NewNotifier(c, notifierConfig(), "ws:").Control(ctx, "u1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := call(t.Context())
			require.Error(t, err)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func TestErrorsOfASubscriptionContainRedactedReplies(t *testing.T) {
	l := listener(openClient(t, startRefusingServer(t, "NOPE password: "+secret, "")), listenerConfig(), contract.NewFacts())
	run(t, l, newInbox())
	var text string
	require.Eventually(t, func() bool {
		err := l.Follow(context.Background(), "u1")
		text = err.Error() + l.Health(context.Background()).Err.Error()
		return strings.Contains(text, "NOPE")
	}, patience, 10*time.Millisecond)
	require.NotContains(t, text, secret)
}

func TestErrorsAboutReplicasContainRedactedReplies(t *testing.T) {
	const stored = "*2\r\n$3\r\n1-1\r\n$1\r\n0\r\n"
	cfg := notifierConfig()
	cfg.MinReplicas = 1
	n := redis.NewNotifier(openClient(t, startRefusingServer(t, "NOPE password: "+secret, stored)), cfg, "ws:")
	_, err := n.Publish(t.Context(), domain.Notification{User: "u1", EventID: "e1", Frame: []byte(`{"event":"e","data":{}}`)})
	require.ErrorContains(t, err, "NOPE")
	require.NotContains(t, err.Error(), secret)
}
