package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/console"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
)

func (t tool) historyCommand() *cobra.Command {
	var url, since string
	var filter console.Filter
	c := &cobra.Command{
		Use:   "history USER",
		Short: "Print the notifications that are kept for a user, oldest first",
		Long: "Print the notifications in the user's log in Redis, with the time at which each was stored. A client that\n" +
			"resumes gets these. Only the keys of this user are read.",
		Example: "  edge history teacher-anna\n  edge history teacher-anna --batch batch-anna-1 --json",
		Args:    arguments("USER"), ValidArgsFunction: complete(users()),
		RunE: func(c *cobra.Command, args []string) error {
			user, err := parseUser(args[0])
			if err != nil {
				return err
			}
			from, err := domain.ParsePosition(since)
			if err != nil || from == domain.PositionLive {
				return usagef("--since %q: must be 0 or the id of a notification, such as 1700000000000-0", since)
			}
			return t.withRedis(url, func(client *redis.Client) error { return t.history(c.Context(), client, user, from, filter) })
		},
	}
	addRedisFlag(c, &url)
	c.Flags().StringVar(&since, "since", "0", "start after the notification with this id; 0: all")
	addFilterFlags(c, &filter)
	return c
}

// history prints the entries of the user's log after a position, page by page.
func (t tool) history(ctx context.Context, client *redis.Client, user domain.UserID, after domain.Position, filter console.Filter) error {
	log := redis.NewLog(client)
	p := console.Printer{Out: t.out, JSON: *t.json}
	printed, kept := 0, 0
	for more := true; more; {
		page, err := log.Since(ctx, user, after)
		if err != nil {
			return err
		}
		if !page.Complete && !*t.json {
			t.printf("%s: the notification %s is not kept any more; the oldest kept one is %s\n", user, after, page.Oldest)
		}
		for _, e := range page.Entries {
			kept, after = kept+1, e.ID
			if !filter.Matches(e.Frame) {
				continue
			}
			if printed == 0 && !*t.json {
				t.printf("%s\n", t.paint(bold, console.Header))
			}
			printed++
			p.PrintFrame(e.Frame)
		}
		more = page.More
	}
	if !*t.json {
		t.printf("%s: %d kept, %d printed\n", user, kept, printed)
	}
	return nil
}
