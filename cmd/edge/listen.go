package main

import (
	"cmp"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/console"
	"github.com/huleedu/edge/domain"
)

// tokenLifetime is the lifetime of the tokens that the tool issues for itself.
const tokenLifetime = 12 * time.Hour

func (t tool) listenCommand() *cobra.Command {
	var url, token, since string
	var filter console.Filter
	c := &cobra.Command{
		Use:     "listen USER",
		Short:   "Connect as a user and print notifications as they come",
		Long:    "Connect as a user and print notifications as they come. When the connection\nbreaks, reconnect and resume after the last notification. Stored notifications are not lost.",
		Example: "  edge listen teacher-anna\n  edge listen teacher-anna --since 0\n  edge listen teacher-anna --json | jq .event",
		Args:    arguments("USER"), ValidArgsFunction: complete(users()),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(checkURL("--url", url, "ws", "wss"), checkSince(since)); err != nil {
				return err
			}
			token, err := t.tokenOrGenerate(token, args[0])
			if err != nil {
				return err
			}
			p := console.Printer{Out: t.out, JSON: *t.json}
			s := console.NotificationClient{URL: url, Token: token, Since: since, OnFrame: printMatching(p, filter), OnStatus: p.PrintStatus}
			return s.Listen(c.Context())
		},
	}
	c.Flags().StringVar(&url, "url", cmp.Or(t.vars["EDGE_WEBSOCKET_URL"], "ws://"+loopbackAddr(socketPort)+"/ws"),
		"the notification service's endpoint; EDGE_WEBSOCKET_URL sets the default")
	c.Flags().StringVar(&token, "token", "", "token to use instead of a generated one")
	c.Flags().StringVar(&since, "since", "$", "start after the notification with this id; 0: all stored notifications, $: only new ones")
	addFilterFlags(c, &filter)
	return c
}

// checkSince returns an error for a text that is not a position.
func checkSince(since string) error {
	if since == "" {
		return nil
	}
	if _, err := domain.ParsePosition(since); err != nil {
		return usagef("--since %q: must be 0, $ or the id of a notification, such as 1700000000000-0", since)
	}
	return nil
}

// printMatching returns a function that prints the frames that the filter selects.
func printMatching(p console.Printer, f console.Filter) func([]byte) {
	return func(frame []byte) {
		if f.Matches(frame) {
			p.PrintFrame(frame)
		}
	}
}

// tokenOrGenerate returns the given token, or generates one for the user.
func (t tool) tokenOrGenerate(token, user string) (string, error) {
	if token != "" {
		return token, nil
	}
	return t.generateToken(user, "", tokenLifetime)
}
