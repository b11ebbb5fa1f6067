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

// errInvalidSettings makes the tool exit with code 2, the code of a service that rejects
// its settings. The problems have been printed before.
var errInvalidSettings = errors.New("the settings are invalid")

var errUnknownService = errors.New("the service is gateway or websocket")

// serviceReport is the settings report of one service.
type serviceReport struct {
	service string
	wire.Report
}

func (t tool) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check and print the settings of the services",
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
		Short: "Check the settings and list all problems; exit code 0 or 2",
		Long: "Read the settings as the services do when they start, but start nothing. The variables come from this\n" +
			"process and, outside production, from .env in the current directory; or only from the file that --env-file\n" +
			"names. The exit code is 2 if a service would not start. Unknown variables are warnings.",
		Example: "  edge config check gateway --env-file deploy/gateway.env",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			reports, err := t.serviceReports(args, file)
			if err != nil {
				return err
			}
			for _, r := range reports {
				t.printProblems(r)
			}
			return reportsError(reports)
		},
	}
	addEnvFileFlag(c, &file)
	return c
}

func (t tool) printCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "print [gateway|websocket]",
		Short: "Print every effective setting and its source, with secrets redacted",
		Long: "Read the settings as \"edge config check\" does. Print each effective value and its source: default,\n" +
			"environment or the file, and the variable if it has another name. Secrets are redacted.",
		Example: "  edge config print websocket --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			reports, err := t.serviceReports(args, file)
			if err != nil {
				return err
			}
			if err := t.printSettings(reports, asJSON); err != nil {
				return err
			}
			return reportsError(reports)
		},
	}
	addEnvFileFlag(c, &file)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object with a member for each service")
	return c
}

func addEnvFileFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "env-file", "", "read only the variables of this file")
}

// serviceReports reports the settings of the named service, or of both without a name.
func (t tool) serviceReports(args []string, file string) ([]serviceReport, error) {
	source := wire.Environment(t.vars)
	if file != "" {
		var err error
		if source, err = wire.EnvFile(file); err != nil {
			return nil, settingsError(err)
		}
	}
	gateway := serviceReport{"gateway", wire.GatewayCommand().Report(source)}
	websocket := serviceReport{"websocket", wire.WebSocketCommand().Report(source)}
	switch {
	case len(args) == 0:
		return []serviceReport{gateway, websocket}, nil
	case args[0] == gateway.service:
		return []serviceReport{gateway}, nil
	case args[0] == websocket.service:
		return []serviceReport{websocket}, nil
	default:
		return nil, fmt.Errorf("%q: %w", args[0], errUnknownService)
	}
}

// printProblems prints the problems and warnings of one service.
func (t tool) printProblems(r serviceReport) {
	if len(r.Problems) == 0 {
		t.printf("%s: good\n", r.service)
	} else {
		t.printf("%s: would not start\n", r.service)
	}
	for _, line := range slices.Concat(r.Problems, r.Warnings) {
		t.printf("  %s\n", line)
	}
}

// printSettings prints the settings as a table or as JSON.
func (t tool) printSettings(reports []serviceReport, asJSON bool) error {
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
		t.printProblems(r)
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

// reportsError returns errRefused if one of the reports contains a problem.
func reportsError(reports []serviceReport) error {
	for _, r := range reports {
		if len(r.Problems) > 0 {
			return errInvalidSettings
		}
	}
	return nil
}
