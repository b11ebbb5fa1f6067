package wire

import (
	"github.com/huleedu/edge/adapters/env"
)

// environmentOrigin is the name of the process's variables in reports.
const environmentOrigin = "environment"

// dotEnv is the file in the working directory that adds variables, outside production.
const dotEnv = ".env"

// ConfigSource is the source of the settings of a service.
type ConfigSource struct {
	vars   map[string]string
	origin string
	// dotEnvFile is a file with further variables; empty if there is none.
	dotEnvFile string
}

// Environment returns the source of a running service: the process's variables and,
// outside production, the file .env in the working directory.
func Environment(vars map[string]string) ConfigSource {
	return ConfigSource{vars: vars, origin: environmentOrigin, dotEnvFile: dotEnv}
}

// EnvFile returns a file of variables as the source, in place of the process's
// variables. Its error does not quote the file.
func EnvFile(path string) (ConfigSource, error) {
	vars, err := env.File(path)
	return ConfigSource{vars: vars, origin: path}, err
}

// readResult is the result of reading the settings.
type readResult[C any] struct {
	config   C
	values   []env.Value
	warnings []string
	err      error
}

// read reads the settings. It also warns about unknown variables that resemble a
// setting.
func (c Command[C]) read(s ConfigSource) (r readResult[C]) {
	vars := s.vars
	if s.dotEnvFile != "" {
		if vars, r.err = env.DotEnv(s.dotEnvFile, vars); r.err != nil {
			return r
		}
	}
	for _, stranger := range env.Unknown(&r.config, vars, c.prefixes...) {
		r.warnings = append(r.warnings, warning(stranger))
	}
	r.values, r.err = env.Inspect(&r.config, vars)
	for _, line := range env.Warnings(&r.config, vars) {
		r.warnings = append(r.warnings, "warning: "+line)
	}
	return r
}

func warning(s env.UnknownVariable) string {
	text := "warning: unknown setting " + s.Name
	if s.Suggestion != "" {
		text += "; did you mean " + s.Suggestion + "?"
	}
	return text
}

// Report is the result of reading the settings, without secrets.
type Report struct {
	Settings []ReportedSetting `json:"settings"`
	// Warnings do not prevent a start; Problems do.
	Warnings []string `json:"warnings"`
	Problems []string `json:"problems"`
}

// ReportedSetting is a setting in effect. Secrets are redacted, also in URLs.
type ReportedSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Source is "default", "environment" or the file that set it.
	Source string `json:"source"`
	// Variable is the variable that set it, if it is an alias.
	Variable string `json:"variable,omitempty"`
}

// Report reads the settings as Run does, without running the service.
func (c Command[C]) Report(s ConfigSource) Report {
	r := c.read(s)
	out := Report{Settings: []ReportedSetting{}, Warnings: append([]string{}, r.warnings...), Problems: append([]string{}, env.Explain(r.err)...)}
	for _, v := range r.values {
		setting := ReportedSetting{Name: v.Name, Value: v.Text, Source: s.source(v.Variable)}
		if v.Variable != v.Name {
			setting.Variable = v.Variable
		}
		out.Settings = append(out.Settings, setting)
	}
	return out
}

// source returns where the variable was set.
func (s ConfigSource) source(variable string) string {
	if variable == "" {
		return "default"
	}
	if _, own := s.vars[variable]; own {
		return s.origin
	}
	return s.dotEnvFile
}
