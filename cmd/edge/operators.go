package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
)

const (
	// disconnectTimeout limits the wait for the sockets to close. A slow socket first sends
	// its queue.
	disconnectTimeout = 10 * time.Second
	// disconnectPollInterval is the interval between the checks.
	disconnectPollInterval = 50 * time.Millisecond
)

var errStillOpen = errors.New("still open; the sockets of a killed node expire within 30 s")

func (t tool) disconnectCommand() *cobra.Command {
	return t.operatorCommand(&cobra.Command{
		Use:   "disconnect USER",
		Short: "Close all sockets of a user on all nodes",
		Long: "Tell every node of the notification service, through Redis, to close the user's sockets with code 4003,\n" +
			"after which clients do not reconnect. Then wait until the sockets are closed.",
		Example: "  edge disconnect teacher-anna --redis redis://redis:6379",
	}, t.disconnect)
}

func (t tool) sessionsCommand() *cobra.Command {
	return t.operatorCommand(&cobra.Command{
		Use:     "sessions USER",
		Short:   "List the sockets of a user: connection time, node and id",
		Example: "  edge sessions teacher-anna --redis redis://redis:6379",
	}, func(ctx context.Context, o *redis.Operator, user domain.UserID) error {
		sessions, err := o.Sessions(ctx, user)
		if err != nil {
			return err
		}
		if *t.json {
			return t.writeJSON(sessionsJSON(sessions))
		}
		if len(sessions) == 0 {
			t.printf("%s has no connection on any node. The services keep no list of users: check the spelling.\n", user)
			return nil
		}
		t.printSessions(sessions)
		return nil
	})
}

// operatorCommand makes c call run for the user that its argument names.
func (t tool) operatorCommand(c *cobra.Command, run func(context.Context, *redis.Operator, domain.UserID) error) *cobra.Command {
	var url string
	addRedisFlag(c, &url)
	c.Args, c.ValidArgsFunction = arguments("USER"), complete(users())
	c.RunE = func(c *cobra.Command, args []string) error {
		return t.withOperator(url, args[0], func(o *redis.Operator, user domain.UserID) error { return run(c.Context(), o, user) })
	}
	return c
}

func addRedisFlag(c *cobra.Command, url *string) {
	c.Flags().StringVar(url, "redis", "", "URL of the services' Redis; default: REDIS_URL, then the Redis of \"edge up\"")
}

// withOperator calls do with an operator on the services' Redis.
func (t tool) withOperator(url, name string, do func(*redis.Operator, domain.UserID) error) error {
	user, err := parseUser(name)
	if err != nil {
		return err
	}
	return t.withRedis(url, func(c *redis.Client) error { return do(redis.NewOperator(c), user) })
}

// disconnect closes the user's sockets and waits until those that were open at
// the start are closed.
func (t tool) disconnect(ctx context.Context, o *redis.Operator, user domain.UserID) error {
	before, err := o.Sessions(ctx, user)
	if err != nil {
		return err
	}
	if err := o.Disconnect(ctx, user); err != nil {
		return err
	}
	left, err := waitClosed(ctx, o, user, before)
	if *t.json {
		err = errors.Join(err, t.writeJSON(map[string]any{"user": user, "open": len(before), "closed": len(before) - len(left), "left": sessionsJSON(left)}))
	} else {
		t.printf("%s: %d of %d sockets closed\n", user, len(before)-len(left), len(before))
	}
	if len(left) > 0 && err == nil {
		if !*t.json {
			t.printSessions(left)
		}
		return fmt.Errorf("%d sockets are %w", len(left), errStillOpen)
	}
	return err
}

// waitClosed waits until the sessions are closed. It returns the ones that are
// still open after disconnectTimeout or when ctx is done.
func waitClosed(ctx context.Context, o *redis.Operator, user domain.UserID, of []domain.SessionInfo) ([]domain.SessionInfo, error) {
	ticker := time.NewTicker(disconnectPollInterval)
	defer ticker.Stop()
	left := of
	for end := time.Now().Add(disconnectTimeout); len(left) > 0 && time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return left, ctx.Err()
		case <-ticker.C:
		}
		now, err := o.Sessions(ctx, user)
		if err != nil {
			return left, err
		}
		left = slices.DeleteFunc(now, func(s domain.SessionInfo) bool { return !slices.Contains(of, s) })
	}
	return left, nil
}

func (t tool) printSessions(sessions []domain.SessionInfo) {
	rows := make([][]string, len(sessions))
	for i, s := range sessions {
		rows[i] = []string{s.Since.Format(time.RFC3339), s.Node, s.ID}
	}
	t.printTable([]string{"SINCE", "NODE", "SESSION"}, rows)
}

// sessionJSON is a session in the output of --json.
type sessionJSON struct {
	Since   time.Time `json:"since"`
	Node    string    `json:"node"`
	Session string    `json:"session"`
}

func sessionsJSON(sessions []domain.SessionInfo) []sessionJSON {
	out := make([]sessionJSON, len(sessions))
	for i, s := range sessions {
		out[i] = sessionJSON{s.Since, s.Node, s.ID}
	}
	return out
}
