package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/wire"
)

// errRefused ends the tool with the exit code that a service ends with when it
// refuses its settings; why has been printed.
var errRefused = errors.New("the settings cannot be used")

var errService = errors.New("the service is gateway or websocket")

// inspected is a service's report under the service's name.
type inspected struct {
	service string
	wire.Report
}

func (t tool) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check and show what the services make of an environment",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(t.checkCommand(), t.printCommand())
	return c
}

func (t tool) checkCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "check [gateway|websocket]",
		Short: "Check an environment: every problem at once, exit code 0 or 2",
		Long: "Read the settings as the services do at their start, without starting: this process's variables and,\n" +
			"outside production, those of a .env here; or those of a file alone. The exit code is 2 when a service\n" +
			"would refuse to start. Unknown variables are only warned about.",
		Example: "  edge config check gateway --env-file deploy/gateway.env",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			reports, err := t.inspect(args, file)
			if err != nil {
				return err
			}
			for _, r := range reports {
				t.verdict(r)
			}
			return refusal(reports)
		},
	}
	fileFlag(c, &file)
	return c
}

func (t tool) printCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "print [gateway|websocket]",
		Short: "Print every setting in effect and where it comes from, without secrets",
		Long: "Read the settings as \"edge config check\" does and print each as it takes effect, with its source:\n" +
			"default, environment or the file, and the variable where another name set it. Secrets are redacted.",
		Example: "  edge config print websocket --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			reports, err := t.inspect(args, file)
			if err != nil {
				return err
			}
			if err := t.show(reports, asJSON); err != nil {
				return err
			}
			return refusal(reports)
		},
	}
	fileFlag(c, &file)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, by service")
	return c
}

func fileFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "env-file", "", "read the variables of this file in place of the process's and of .env")
}

// inspect asks the one service, or both.
func (t tool) inspect(args []string, file string) ([]inspected, error) {
	around := wire.Environment(t.vars)
	if file != "" {
		var err error
		if around, err = wire.EnvFile(file); err != nil {
			return nil, unusable(err)
		}
	}
	gateway := inspected{"gateway", wire.GatewayCommand().Report(around)}
	websocket := inspected{"websocket", wire.WebSocketCommand().Report(around)}
	switch {
	case len(args) == 0:
		return []inspected{gateway, websocket}, nil
	case args[0] == gateway.service:
		return []inspected{gateway}, nil
	case args[0] == websocket.service:
		return []inspected{websocket}, nil
	default:
		return nil, fmt.Errorf("%q: %w", args[0], errService)
	}
}

// verdict prints what is wrong with a service's settings, or that nothing is.
func (t tool) verdict(r inspected) {
	if len(r.Problems) == 0 {
		t.printf("%s: good\n", r.service)
	} else {
		t.printf("%s: would not start\n", r.service)
	}
	for _, line := range slices.Concat(r.Problems, r.Warnings) {
		t.printf("  %s\n", line)
	}
}

// show prints the settings for a person or for a program.
func (t tool) show(reports []inspected, asJSON bool) error {
	if asJSON {
		all := map[string]wire.Report{}
		for _, r := range reports {
			all[r.service] = r.Report
		}
		e := json.NewEncoder(t.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	for _, r := range reports {
		t.verdict(r)
		table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		for _, s := range r.Settings {
			source := s.Source
			if s.Variable != "" {
				source += ", " + s.Variable
			}
			_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Name, s.Value, source)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// refusal is an error when one of the services would not start.
func refusal(reports []inspected) error {
	for _, r := range reports {
		if len(r.Problems) > 0 {
			return errRefused
		}
	}
	return nil
}
