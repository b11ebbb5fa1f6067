package main

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/cmd/edge/internal/diagnose"
)

// maxTokenInput bounds what is read of standard input, in bytes.
const maxTokenInput = 1 << 20

func (t tool) tokenCheckCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "check TOKEN|-",
		Short: "Tell whether the services accept a token, and why not",
		Long: "Validate a token as the services do, with the JWT_* settings of this process and .env, or of the file that\n" +
			"--env-file names. With - the token is read from standard input, so that it is not in the shell's history.\n" +
			"The exit code is 1 for a token that the services refuse.",
		Example: "  edge token teacher-anna | edge token check -",
		Args:    arguments("TOKEN"),
		RunE: func(c *cobra.Command, args []string) error {
			token, err := readToken(args[0])
			if err != nil {
				return err
			}
			cfg, err := t.tokenConfig(file)
			if err != nil {
				return err
			}
			verdict, err := diagnose.Token(c.Context(), cfg, token)
			if err != nil {
				return settingsError(err)
			}
			return t.printVerdict(verdict)
		},
	}
	c.Flags().StringVar(&file, "env-file", "", "read only the variables of this file")
	return c
}

// readToken returns the token, without a leading "Bearer". - reads standard input.
func readToken(arg string) (string, error) {
	if arg == "-" {
		all, err := io.ReadAll(io.LimitReader(os.Stdin, maxTokenInput))
		if err != nil {
			return "", err
		}
		arg = string(all)
	}
	arg = strings.TrimSpace(arg)
	if scheme, rest, found := strings.Cut(arg, " "); found && strings.EqualFold(scheme, "bearer") {
		arg = strings.TrimSpace(rest)
	}
	if arg == "" {
		return "", usagef("TOKEN is empty")
	}
	return arg, nil
}

// tokenConfig returns the settings of the validator.
func (t tool) tokenConfig(file string) (cfg jwt.Config, err error) {
	var vars map[string]string
	if file == "" {
		vars, err = t.serviceVars()
	} else if vars, err = env.File(file); err != nil {
		err = settingsError(err)
	}
	if err != nil {
		return cfg, err
	}
	if err := env.Read(&cfg, vars); err != nil {
		return cfg, settingsError(err)
	}
	return cfg, nil
}

// printVerdict prints what the services say. It returns errReported for a refused token.
func (t tool) printVerdict(v diagnose.TokenVerdict) error {
	if *t.json {
		if err := t.writeJSON(v); err != nil {
			return err
		}
	} else {
		t.printVerdictText(v)
	}
	if !v.Accepted {
		return errReported
	}
	return nil
}

func (t tool) printVerdictText(v diagnose.TokenVerdict) {
	if v.Accepted {
		expires, _ := time.Parse(time.RFC3339, v.Expires)
		t.printf("%s: the services accept this token\n  user     %s\n  org      %s\n  expires  %s (in %s)\n",
			t.paint(green, "accepted"), v.User, v.Org, v.Expires, time.Until(expires).Round(time.Second))
		return
	}
	t.printf("%s: %s (%s)\n", t.paint(red, "refused"), v.Message, v.Code)
	for _, name := range slices.Sorted(maps.Keys(v.Details)) {
		t.printf("  %s: %v\n", name, v.Details[name])
	}
	t.printf("  %s\n", v.Advice)
	for _, part := range []struct {
		name    string
		members map[string]any
	}{{"header", v.Header}, {"claims", v.Claims}} {
		for _, name := range slices.Sorted(maps.Keys(part.members)) {
			text, _ := json.Marshal(part.members[name]) // it was JSON
			t.printf("  %s.%s: %s\n", part.name, name, text)
		}
	}
}
