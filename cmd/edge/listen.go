package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/console"
)

// sessionTime is how long the tool's own tokens hold: a day's work.
const sessionTime = 12 * time.Hour

func (t tool) listenCommand() *cobra.Command {
	var url, token, since string
	var asJSON bool
	c := &cobra.Command{
		Use:     "listen USER",
		Short:   "Connect as a user and print notifications as they come",
		Long:    "Connect as a user and print notifications as they come. After a break it connects\nanew and goes on behind the last one, so that none of those that are kept is lost.",
		Example: "  edge listen teacher-anna\n  edge listen teacher-anna --since 0\n  edge listen teacher-anna --json | jq .event",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			token, err := t.tokenOr(token, args[0])
			if err != nil {
				return err
			}
			p := console.Printer{Out: t.out, JSON: asJSON}
			s := console.Socket{URL: url, Token: token, Since: since, Frame: p.Frame, Note: p.Note}
			return s.Listen(c.Context())
		},
	}
	c.Flags().StringVar(&url, "url", "ws://127.0.0.1:8080/ws", "the notification service's endpoint")
	c.Flags().StringVar(&token, "token", "", "token to use in place of a minted one")
	c.Flags().StringVar(&since, "since", "$", "begin behind the notification with this id; 0: with all that is kept, $: with the next")
	c.Flags().BoolVar(&asJSON, "json", false, "print each frame as it comes")
	return c
}

// tokenOr returns the given token, or mints one for the user.
func (t tool) tokenOr(token, user string) (string, error) {
	if token != "" {
		return token, nil
	}
	return t.mint(user, "", sessionTime)
}
