package wire

import (
	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/domain"
)

// environmentOrigin is the name of the process's variables in reports.
const environmentOrigin = "environment"

// DotEnvFile is the file in the working directory that adds variables, outside production.
const DotEnvFile = ".env"

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
	return ConfigSource{vars: vars, origin: environmentOrigin, dotEnvFile: DotEnvFile}
}

// Variables returns variables that the caller has collected as the source. origin names
// them in reports.
func Variables(vars map[string]string, origin string) ConfigSource {
	return ConfigSource{vars: vars, origin: origin}
}

// EnvFile returns a file of variables as the source, in place of the process's
// variables. Its error does not quote the file.
func EnvFile(path string) (ConfigSource, error) {
	vars, err := env.File(path)
	return ConfigSource{vars: vars, origin: path}, err
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
func (c Program[C]) Report(s ConfigSource) Report {
	_, r := c.Read(s)
	return r
}

// Read reads the settings. It also warns about unknown variables that resemble a
// setting. The configuration is valid if the report contains no problem.
func (c Program[C]) Read(s ConfigSource) (config C, r Report) {
	r = Report{Settings: []ReportedSetting{}, Warnings: []string{}, Problems: []string{}}
	vars := s.vars
	if s.dotEnvFile != "" {
		var err error
		if vars, err = env.DotEnv(s.dotEnvFile, vars); err != nil {
			r.Problems = env.Explain(err)
			return config, r
		}
	}
	for _, unknown := range env.Unknown(&config, vars, c.prefixes...) {
		r.Warnings = append(r.Warnings, unknownWarning(unknown))
	}
	values, err := env.Inspect(&config, vars)
	for _, v := range values {
		r.Settings = append(r.Settings, s.reported(v))
	}
	c.setEffective(&config, effective(r.Settings))
	for _, line := range env.Warnings(&config, vars) {
		r.Warnings = append(r.Warnings, "warning: "+line)
	}
	r.Problems = append(r.Problems, env.Explain(err)...)
	return config, r
}

// effective returns the settings for operators.
func effective(settings []ReportedSetting) []domain.EffectiveSetting {
	out := make([]domain.EffectiveSetting, len(settings))
	for i, s := range settings {
		out[i] = domain.EffectiveSetting(s)
	}
	return out
}

func unknownWarning(v env.UnknownVariable) string {
	text := "warning: unknown setting " + v.Name
	if v.Suggestion != "" {
		text += "; did you mean " + v.Suggestion + "?"
	}
	return text
}

// reported returns the setting with its source.
func (s ConfigSource) reported(v env.Value) ReportedSetting {
	setting := ReportedSetting{Name: v.Name, Value: v.Text, Source: s.dotEnvFile}
	if _, own := s.vars[v.Variable]; own {
		setting.Source = s.origin
	}
	if v.Variable == "" {
		setting.Source = "default"
	} else if v.Variable != v.Name {
		setting.Variable = v.Variable
	}
	return setting
}
