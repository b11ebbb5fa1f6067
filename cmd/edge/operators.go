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
	// goingTime is how long sockets may take to be gone: what is queued for a
	// slow one goes out first.
	goingTime = 10 * time.Second
	// goingLook is how often it is looked whether they are.
	goingLook = 50 * time.Millisecond
)

var errStillThere = errors.New("still there; a node that was killed gives its places back within 30 s")

func (t tool) disconnectCommand() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:   "disconnect USER",
		Short: "Close every socket of a user, on all nodes",
		Long: "Tell every node of the notification service, through Redis, to close the user's sockets with 4003,\n" +
			"after which clients do not come back by themselves; then wait until they are gone.",
		Example: "  edge disconnect teacher-anna --redis redis://redis:6379",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return t.operate(url, args[0], func(o *redis.Operator, user domain.UserID) error {
				return t.disconnect(c.Context(), o, user)
			})
		},
	}
	redisFlag(c, &url)
	return c
}

func (t tool) sessionsCommand() *cobra.Command {
	var url string
	c := &cobra.Command{
		Use:     "sessions USER",
		Short:   "Show the sockets of a user: since when, on which node",
		Example: "  edge sessions teacher-anna --redis redis://redis:6379",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return t.operate(url, args[0], func(o *redis.Operator, user domain.UserID) error {
				sessions, err := o.Sessions(c.Context(), user)
				t.list(sessions)
				return err
			})
		},
	}
	redisFlag(c, &url)
	return c
}

func redisFlag(c *cobra.Command, url *string) {
	c.Flags().StringVar(url, "redis", "", "URL of the services' Redis; without it REDIS_URL, else that of \"edge up\"")
}

// operate does something about a user over the services' Redis.
func (t tool) operate(url, name string, do func(*redis.Operator, domain.UserID) error) error {
	user, err := domain.ParseUserID(name)
	if err != nil {
		return err
	}
	var cfg redis.Config
	if err := env.Read(&cfg, t.withServers(url, "")); err != nil {
		return unusable(err)
	}
	client, err := redis.Open(cfg)
	if err != nil {
		return unusable(err)
	}
	return errors.Join(do(redis.NewOperator(client), user), client.Close())
}

// disconnect tells the nodes and waits for the sockets that there were.
func (t tool) disconnect(ctx context.Context, o *redis.Operator, user domain.UserID) error {
	before, err := o.Sessions(ctx, user)
	if err != nil {
		return err
	}
	if err := o.Disconnect(ctx, user); err != nil {
		return err
	}
	left, err := remaining(ctx, o, user, before)
	t.printf("%s: %d of %d sockets closed\n", user, len(before)-len(left), len(before))
	if len(left) > 0 && err == nil {
		t.list(left)
		return fmt.Errorf("%d sockets are %w", len(left), errStillThere)
	}
	return err
}

// remaining waits until none of the sessions is left, for a while.
func remaining(ctx context.Context, o *redis.Operator, user domain.UserID, of []domain.Session) ([]domain.Session, error) {
	look := time.NewTicker(goingLook)
	defer look.Stop()
	left := of
	for end := time.Now().Add(goingTime); len(left) > 0 && time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return left, ctx.Err()
		case <-look.C:
		}
		now, err := o.Sessions(ctx, user)
		if err != nil {
			return left, err
		}
		left = slices.DeleteFunc(now, func(s domain.Session) bool { return !slices.Contains(of, s) })
	}
	return left, nil
}

func (t tool) list(sessions []domain.Session) {
	for _, s := range sessions {
		t.printf("%s  %s  %s\n", s.Since.Format(time.RFC3339), s.Node, s.ID)
	}
}
