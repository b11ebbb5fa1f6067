package wire

import (
	"github.com/huleedu/edge/adapters/env"
)

// environmentOrigin is what reports call the process's own variables.
const environmentOrigin = "environment"

// dotEnv is the file beside a service that adds variables, outside production.
const dotEnv = ".env"

// Surroundings are where a service finds its settings.
type Surroundings struct {
	vars   map[string]string
	origin string
	// dotEnvFile is a further file; empty: none.
	dotEnvFile string
}

// Environment is what a service meets when it is started: the process's
// variables and, outside production, a .env in the working directory.
func Environment(vars map[string]string) Surroundings {
	return Surroundings{vars: vars, origin: environmentOrigin, dotEnvFile: dotEnv}
}

// EnvFile is a file of variables in place of the process's own, as a container
// engine would set them. Its error does not quote the file.
func EnvFile(path string) (Surroundings, error) {
	vars, err := env.File(path)
	return Surroundings{vars: vars, origin: path}, err
}

// readResult is what a service makes of its surroundings.
type readResult[C any] struct {
	config   C
	values   []env.Value
	warnings []string
	err      error
}

// read is the one way in which settings are read. It also warns about variables
// that look like the service's.
func (c Command[C]) read(s Surroundings) (r readResult[C]) {
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

func warning(s env.Stranger) string {
	text := "warning: unknown setting " + s.Name
	if s.Meant != "" {
		text += "; did you mean " + s.Meant + "?"
	}
	return text
}

// Report is what a service makes of its surroundings, fit to be shown.
type Report struct {
	Settings []ReportedSetting `json:"settings"`
	// Warnings do not keep the service from starting; Problems do.
	Warnings []string `json:"warnings"`
	Problems []string `json:"problems"`
}

// ReportedSetting is one setting as it takes effect. Secrets are redacted, also
// inside URLs.
type ReportedSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Source is "default", "environment" or the file that set it.
	Source string `json:"source"`
	// Variable is the one that set it, where it goes by another name.
	Variable string `json:"variable,omitempty"`
}

// Report reads the settings exactly as Run does, and runs nothing.
func (c Command[C]) Report(s Surroundings) Report {
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

// source says where the variable was set.
func (s Surroundings) source(variable string) string {
	if variable == "" {
		return "default"
	}
	if _, own := s.vars[variable]; own {
		return s.origin
	}
	return s.dotEnvFile
}
