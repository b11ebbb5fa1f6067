package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/console"
	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
)

// tailBuffer is the number of messages that may wait for the terminal.
const tailBuffer = 1024

func (t tool) tailCommand() *cobra.Command {
	var url string
	var filter console.Filter
	c := &cobra.Command{
		Use:   "tail USER",
		Short: "Print what is published for a user, as it comes",
		Long: "Subscribe to the user's channel in Redis and print each message. Unlike \"edge listen\" this opens no\n" +
			"connection to the notification service and uses none of the user's places.",
		Example: "  edge tail teacher-anna\n  edge tail teacher-anna --type batch_results_ready\n  edge tail teacher-anna --batch batch-anna-1 --json",
		Args:    arguments("USER"), ValidArgsFunction: complete(users()),
		RunE: func(c *cobra.Command, args []string) error {
			user, err := parseUser(args[0])
			if err != nil {
				return err
			}
			return t.withRedis(url, func(client *redis.Client) error { return t.tail(c.Context(), client, user, filter) })
		},
	}
	addRedisFlag(c, &url)
	addFilterFlags(c, &filter)
	return c
}

func addFilterFlags(c *cobra.Command, f *console.Filter) {
	c.Flags().StringVar(&f.Type, "type", "", "only notifications of this type")
	c.Flags().StringVar(&f.Priority, "priority", "", "only this priority: "+strings.Join(domain.Priorities(), ", "))
	c.Flags().StringVar(&f.Batch, "batch", "", "only notifications about this batch")
	completeFlag(c, "type", notificationTypes())
	completeFlag(c, "priority", domain.Priorities())
	completeFlag(c, "batch", batches())
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := oneOf("--priority", f.Priority, domain.Priorities()); err != nil {
			return err
		}
		return run(c, args)
	}
}

// tail prints the user's messages until ctx is done.
func (t tool) tail(ctx context.Context, client *redis.Client, user domain.UserID, filter console.Filter) error {
	vars, err := t.serviceVars()
	if err != nil {
		return err
	}
	var cfg redis.ListenerConfig
	if err := env.Read(&cfg, vars); err != nil {
		return settingsError(err)
	}
	listener := redis.NewListener(client, cfg, silentObserver{}, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	messages := make(tailHandler, tailBuffer)
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { _ = listener.Run(ctx, messages) }) // a failed subscription is reported as a gap
	defer group.Wait()
	defer cancel()
	if err := listener.Follow(ctx, user); err != nil {
		return err
	}
	p := console.Printer{Out: t.out, JSON: *t.json}
	p.PrintStatus("following " + string(user))
	for {
		select {
		case <-ctx.Done():
			return nil
		case frame := <-messages:
			switch {
			case frame == nil:
				p.PrintStatus("the subscription was interrupted: messages may be missing; \"edge history\" prints what is kept")
			case filter.Matches(frame):
				p.PrintFrame(frame)
			}
		}
	}
}

// tailHandler passes messages to the printing loop, and nil for a gap.
type tailHandler chan []byte

// Deliver passes a message on. It drops it if the terminal is too slow, because the source
// must not wait.
func (h tailHandler) Deliver(_ domain.UserID, payload []byte) { h.put(payload) }

// Missed reports a gap.
func (h tailHandler) Missed(domain.Gap) { h.put(nil) }

// Disconnect does nothing: a tail is not a connection of the user.
func (h tailHandler) Disconnect(domain.UserID) {}

// Check does nothing.
func (h tailHandler) Check(domain.UserID) {}

func (h tailHandler) put(payload []byte) {
	select {
	case h <- payload:
	default:
	}
}

// silentObserver ignores all facts: the tool has no metrics.
type silentObserver struct{}

// Observe does nothing.
func (silentObserver) Observe(domain.Fact) {}

// withRedis opens the services' Redis, calls do and closes the client.
func (t tool) withRedis(url string, do func(*redis.Client) error) error {
	var cfg redis.Config
	if err := env.Read(&cfg, t.withServers(url, "")); err != nil {
		return settingsError(err)
	}
	client, err := redis.Open(cfg)
	if err != nil {
		return settingsError(err)
	}
	return errors.Join(do(client), client.Close())
}
