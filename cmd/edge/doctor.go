package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/cmd/edge/internal/diagnose"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/wire"
)

// doctorFlags are the flags of "edge doctor".
type doctorFlags struct{ file, redis, kafka, origin string }

func (t tool) doctorCommand() *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor [gateway|websocket]",
		Short: "Check what the services need, and say what to do",
		Long: "Check the settings, Redis, Kafka with its topics and rights, keys, clocks, ports, open files, origins and the\n" +
			"services behind the gateway, as the services would find them on this machine. It changes nothing.\n" +
			"The settings come from this process and .env, or only from the file that --env-file names.\n" +
			"The exit code is 1 if something is wrong; a warning is not.",
		Example: "  edge doctor --env-file deploy/gateway.env gateway\n  edge doctor --origin https://app.example.org",
		Args:    optionalArgument("SERVICE"), ValidArgsFunction: complete(completion{"gateway", "websocket"}),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := t.doctorSource(f)
			if err != nil {
				return err
			}
			services := []string{"gateway", "websocket"}
			if len(args) > 0 {
				if !slices.Contains(services, args[0]) {
					return usagef("%q: %w", args[0], errUnknownService)
				}
				services = args
			}
			return t.printFindings(diagnose.Examine(c.Context(), source, services, f.origin))
		},
	}
	c.Flags().StringVar(&f.file, "env-file", "", "read only the variables of this file")
	c.Flags().StringVar(&f.redis, "redis", "", "URL of Redis in place of the configured one")
	c.Flags().StringVar(&f.kafka, "kafka", "", "host:port of Kafka in place of the configured one")
	c.Flags().StringVar(&f.origin, "origin", "", "also check that pages of this origin may connect")
	return c
}

// doctorSource returns the variables that the services would read. In development the servers
// of "edge up" are the default.
func (t tool) doctorSource(f doctorFlags) (wire.ConfigSource, error) {
	if f.file != "" {
		if f.redis == "" && f.kafka == "" {
			source, err := wire.EnvFile(f.file)
			if err != nil {
				err = settingsError(err)
			}
			return source, err
		}
		vars, err := readEnvFile(f.file)
		return wire.Variables(f.override(vars), f.file), err
	}
	if t.vars["ENVIRONMENT"] == string(domain.Production) {
		return wire.Variables(f.override(maps.Clone(t.vars)), "environment"), nil
	}
	vars, err := t.serviceVars()
	if err != nil {
		return wire.ConfigSource{}, usageError{err}
	}
	t.vars = vars
	vars = t.withServers("", "")
	for _, name := range []string{"REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"} {
		if vars["API_GATEWAY_"+name] == "" {
			vars["API_GATEWAY_"+name] = vars[name]
		}
	}
	return wire.Variables(f.override(vars), "environment"), nil
}

// override replaces the addresses by those of the flags.
func (f doctorFlags) override(vars map[string]string) map[string]string {
	for name, value := range map[string]string{"REDIS_URL": f.redis, "KAFKA_BOOTSTRAP_SERVERS": f.kafka} {
		if value != "" {
			vars[name], vars["API_GATEWAY_"+name] = value, value
		}
	}
	return vars
}

// printFindings prints the findings. It returns errReported if one of them is a fault.
func (t tool) printFindings(findings []diagnose.Finding) error {
	faults, warnings := 0, 0
	rows := make([][]string, 0, len(findings))
	for _, f := range findings {
		if *t.json {
			if err := t.writeJSON(f); err != nil {
				return err
			}
		}
		colour := green
		switch f.Severity {
		case diagnose.Fault:
			faults, colour = faults+1, red
		case diagnose.Warning:
			warnings, colour = warnings+1, yellow
		case diagnose.Good:
		}
		rows = append(rows, []string{t.paint(colour, string(f.Severity)), f.Check, f.Found})
		if f.Advice != "" {
			rows = append(rows, []string{t.paint(colour, ""), "", "-> " + f.Advice})
		}
	}
	if !*t.json {
		t.printTable([]string{"STATE", "CHECK", "FOUND"}, rows)
		t.printf("%d checks: %d wrong, %d warnings\n", len(findings), faults, warnings)
	}
	if faults > 0 {
		return errReported
	}
	return nil
}

// readEnvFile returns the variables of a file.
func readEnvFile(path string) (map[string]string, error) {
	vars, err := env.File(path)
	if err != nil {
		return nil, settingsError(err)
	}
	return maps.Clone(vars), nil
}
