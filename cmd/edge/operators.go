package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
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
		t.printSessions(sessions)
		return err
	})
}

// operatorCommand makes c call run for the user that its argument names.
func (t tool) operatorCommand(c *cobra.Command, run func(context.Context, *redis.Operator, domain.UserID) error) *cobra.Command {
	var url string
	addRedisFlag(c, &url)
	c.Args = cobra.ExactArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		return t.withOperator(url, args[0], func(o *redis.Operator, user domain.UserID) error { return run(c.Context(), o, user) })
	}
	return c
}

func addRedisFlag(c *cobra.Command, url *string) {
	c.Flags().StringVar(url, "redis", "", "URL of the services' Redis; default: REDIS_URL, then the Redis of \"edge up\"")
}

// withOperator opens the services' Redis, calls do and closes the client.
func (t tool) withOperator(url, name string, do func(*redis.Operator, domain.UserID) error) error {
	user, err := domain.ParseUserID(name)
	if err != nil {
		return err
	}
	var cfg redis.Config
	if err := env.Read(&cfg, t.withServers(url, "")); err != nil {
		return settingsError(err)
	}
	client, err := redis.Open(cfg)
	if err != nil {
		return settingsError(err)
	}
	return errors.Join(do(redis.NewOperator(client), user), client.Close())
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
	t.printf("%s: %d of %d sockets closed\n", user, len(before)-len(left), len(before))
	if len(left) > 0 && err == nil {
		t.printSessions(left)
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
	for _, s := range sessions {
		t.printf("%s  %s  %s\n", s.Since.Format(time.RFC3339), s.Node, s.ID)
	}
}
