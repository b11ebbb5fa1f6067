package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/console"
)

// tokenLifetime is the lifetime of the tokens that the tool issues for itself.
const tokenLifetime = 12 * time.Hour

func (t tool) listenCommand() *cobra.Command {
	var url, token, since string
	var asJSON bool
	c := &cobra.Command{
		Use:     "listen USER",
		Short:   "Connect as a user and print notifications as they come",
		Long:    "Connect as a user and print notifications as they come. When the connection\nbreaks, reconnect and resume after the last notification. Stored notifications are not lost.",
		Example: "  edge listen teacher-anna\n  edge listen teacher-anna --since 0\n  edge listen teacher-anna --json | jq .event",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			token, err := t.tokenOrGenerate(token, args[0])
			if err != nil {
				return err
			}
			p := console.Printer{Out: t.out, JSON: asJSON}
			s := console.NotificationClient{URL: url, Token: token, Since: since, OnFrame: p.PrintFrame, OnStatus: p.PrintStatus}
			return s.Listen(c.Context())
		},
	}
	c.Flags().StringVar(&url, "url", "ws://127.0.0.1:8080/ws", "the notification service's endpoint")
	c.Flags().StringVar(&token, "token", "", "token to use instead of a generated one")
	c.Flags().StringVar(&since, "since", "$", "start after the notification with this id; 0: all stored notifications, $: only new ones")
	c.Flags().BoolVar(&asJSON, "json", false, "print each frame as JSON")
	return c
}

// tokenOrGenerate returns the given token, or generates one for the user.
func (t tool) tokenOrGenerate(token, user string) (string, error) {
	if token != "" {
		return token, nil
	}
	return t.generateToken(user, "", tokenLifetime)
}
