package main

import (
	"time"

	"github.com/spf13/cobra"
)

func (t tool) tokenCommand() *cobra.Command {
	var org string
	var ttl time.Duration
	c := &cobra.Command{
		Use:   "token USER",
		Short: "Mint a development token for a user",
		Long: "Mint a token that a service with the same JWT_* settings believes.\n" +
			"Without JWT_SECRET_KEY it is signed with the secret of \"edge up\".",
		Example: "  curl -H \"Authorization: Bearer $(edge token teacher-anna)\" http://127.0.0.1:4001/v1/batches",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			token, err := t.mint(args[0], org, ttl)
			if err != nil {
				return err
			}
			t.printf("%s\n", token)
			return nil
		},
	}
	c.Flags().StringVar(&org, "org", "", "organisation that the token names")
	c.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long the token holds")
	return c
}
