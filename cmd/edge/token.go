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
		Short: "Generate a development token for a user",
		Long: "Generate a token that services with the same JWT_* settings accept.\n" +
			"Without JWT_SECRET_KEY it is signed with the secret of \"edge up\".",
		Example: "  curl -H \"Authorization: Bearer $(edge token teacher-anna)\" http://127.0.0.1:4001/v1/batches",
		Args:    arguments("USER"), ValidArgsFunction: complete(users()),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkTTL(ttl); err != nil {
				return err
			}
			token, err := t.generateToken(args[0], org, ttl)
			if err != nil {
				return err
			}
			if *t.json {
				return t.writeJSON(map[string]any{"token": token, "user": args[0], "expires": time.Now().Add(ttl).UTC().Truncate(time.Second)})
			}
			t.printf("%s\n", token)
			return nil
		},
	}
	c.Flags().StringVar(&org, "org", "", "organisation claim of the token")
	c.Flags().DurationVar(&ttl, "ttl", time.Hour, "lifetime of the token")
	c.AddCommand(t.tokenCheckCommand())
	return c
}
