package main

import (
	"encoding/json"
	"errors"
	"slices"

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
	return t.reportCommand(&cobra.Command{
		Use:   "check [gateway|websocket]",
		Short: "Check the settings and list all problems; exit code 0 or 2",
		Long: "Read the settings as the services do when they start, but start nothing. The variables come from this\n" +
			"process and, outside production, from .env in the current directory; or only from the file that --env-file\n" +
			"names. The exit code is 2 if a service would not start. Unknown variables are warnings.",
		Example: "  edge config check gateway --env-file deploy/gateway.env",
	}, func(reports []serviceReport) error {
		if *t.json {
			return t.printJSON(reports)
		}
		for _, r := range reports {
			t.printProblems(r)
		}
		return nil
	})
}

func (t tool) printCommand() *cobra.Command {
	return t.reportCommand(&cobra.Command{
		Use:   "print [gateway|websocket]",
		Short: "Print every effective setting and its source, with secrets redacted",
		Long: "Read the settings as \"edge config check\" does. Print each effective value and its source: default,\n" +
			"environment or the file, and the variable if it has another name. Secrets are redacted.",
		Example: "  edge config print websocket --json",
	}, func(reports []serviceReport) error {
		if *t.json {
			return t.printJSON(reports)
		}
		return t.printTables(reports)
	})
}

// reportCommand makes c print the reports of the services that its argument selects. It
// returns errInvalidSettings if one of them contains a problem.
func (t tool) reportCommand(c *cobra.Command, printAll func([]serviceReport) error) *cobra.Command {
	var file string
	c.Flags().StringVar(&file, "env-file", "", "read only the variables of this file")
	c.Args, c.ValidArgsFunction = optionalArgument("SERVICE"), complete(completion{"gateway", "websocket"})
	c.RunE = func(_ *cobra.Command, args []string) error {
		reports, err := t.serviceReports(args, file)
		if err != nil {
			return err
		}
		if err := printAll(reports); err != nil {
			return err
		}
		if slices.ContainsFunc(reports, func(r serviceReport) bool { return len(r.Problems) > 0 }) {
			return errInvalidSettings
		}
		return nil
	}
	return c
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
	reports := []serviceReport{{"gateway", wire.GatewayCommand().Report(source)}, {"websocket", wire.WebSocketCommand().Report(source)}}
	if len(args) == 0 {
		return reports, nil
	}
	reports = slices.DeleteFunc(reports, func(r serviceReport) bool { return r.service != args[0] })
	if len(reports) == 0 {
		return nil, usagef("%q: %w", args[0], errUnknownService)
	}
	return reports, nil
}

// printProblems prints the problems and warnings of one service.
func (t tool) printProblems(r serviceReport) {
	result := "good"
	if len(r.Problems) > 0 {
		result = "would not start"
	}
	t.printf("%s: %s\n", r.service, result)
	for _, line := range slices.Concat(r.Problems, r.Warnings) {
		t.printf("  %s\n", line)
	}
}

func (t tool) printJSON(reports []serviceReport) error {
	all := map[string]wire.Report{}
	for _, r := range reports {
		all[r.service] = r.Report
	}
	e := json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

func (t tool) printTables(reports []serviceReport) error {
	for _, r := range reports {
		t.printProblems(r)
		rows := make([][]string, 0, len(r.Settings))
		for _, s := range r.Settings {
			source := s.Source
			if s.Variable != "" {
				source += ", " + s.Variable
			}
			rows = append(rows, []string{"  " + s.Name, s.Value, source})
		}
		t.printTable([]string{"  SETTING", "VALUE", "SOURCE"}, rows)
	}
	return nil
}
