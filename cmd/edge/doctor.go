package main

import (
	"context"
	"maps"
	"net/http"

	"github.com/spf13/cobra"

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
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: complete(completion{"gateway", "websocket"}),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := t.doctorSource(f)
			if err != nil {
				return err
			}
			d := &doctor{tool: t, flags: f}
			if err := d.selectServices(args, source); err != nil {
				return err
			}
			defer http.DefaultClient.CloseIdleConnections()
			d.examine(c.Context())
			return d.print()
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
				err = usageError{settingsError(err)}
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

// doctor examines one or both services.
type doctor struct {
	tool

	flags    doctorFlags
	patients []patient
	findings []finding
}

// selectServices reads the settings of the named service, or of both without a name.
func (d *doctor) selectServices(args []string, source wire.ConfigSource) error {
	if len(args) == 0 {
		args = []string{"gateway", "websocket"}
	}
	for _, name := range args {
		switch name {
		case "gateway":
			d.patients = append(d.patients, gatewayPatient(source))
		case "websocket":
			d.patients = append(d.patients, webSocketPatient(source))
		default:
			return usagef("%q: %w", name, errUnknownService)
		}
	}
	return nil
}

// examine runs all checks. A fault of one does not hide the others.
func (d *doctor) examine(ctx context.Context) {
	for _, p := range d.patients {
		d.checkSettings(p)
	}
	for _, p := range d.distinct(func(p patient) string { return p.redis.URL.Reveal() }) {
		d.checkRedis(ctx, p)
	}
	d.checkKafka(ctx)
	d.checkKeys(ctx, d.patients[0])
	for _, p := range d.patients {
		d.checkPorts(ctx, p)
		d.checkOrigins(p)
		d.checkDownstream(ctx, p)
	}
	d.checkOpenFiles()
}

// distinct returns one patient for each value.
func (d *doctor) distinct(of func(patient) string) []patient {
	known := map[string]bool{}
	var out []patient
	for _, p := range d.patients {
		if !known[of(p)] {
			known[of(p)] = true
			out = append(out, p)
		}
	}
	return out
}

// severity says how bad a finding is.
type severity string

const (
	good    severity = "ok"   // good is the severity of what works.
	warning severity = "warn" // warning is the severity of what works but may surprise.
	fault   severity = "FAIL" // fault is the severity of what does not work.
)

// finding is the result of one check.
type finding struct {
	Severity severity `json:"severity"`
	Check    string   `json:"check"`
	Found    string   `json:"found"`
	// Advice is what to do; empty for what works.
	Advice string `json:"advice,omitempty"`
}

func (d *doctor) add(s severity, check, found, advice string) {
	d.findings = append(d.findings, finding{s, check, found, advice})
}

// print prints the findings. It returns errReported if one of them is a fault.
func (d *doctor) print() error {
	faults, warnings := 0, 0
	rows := make([][]string, 0, len(d.findings))
	for _, f := range d.findings {
		if *d.json {
			if err := d.writeJSON(f); err != nil {
				return err
			}
		}
		colour := green
		switch f.Severity {
		case fault:
			faults, colour = faults+1, red
		case warning:
			warnings, colour = warnings+1, yellow
		case good:
		}
		rows = append(rows, []string{d.paint(colour, string(f.Severity)), f.Check, f.Found})
		if f.Advice != "" {
			rows = append(rows, []string{d.paint(colour, ""), "", "-> " + f.Advice})
		}
	}
	if !*d.json {
		d.printTable([]string{"STATE", "CHECK", "FOUND"}, rows)
		d.printf("%d checks: %d wrong, %d warnings\n", len(d.findings), faults, warnings)
	}
	if faults > 0 {
		return errReported
	}
	return nil
}
