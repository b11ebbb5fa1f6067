package httpserver

import (
	"slices"

	"github.com/huleedu/edge/adapters/internal/origin"
	"github.com/huleedu/edge/domain"
)

// corsSettings are the CORS settings of a service.
type corsSettings struct {
	setting     string // the name of the setting of origins
	origins     []string
	credentials bool
	methods     []string
	headers     []string
	// needed are the headers that a path needs. Pages may send them there whatever headers
	// contains.
	needed map[string][]string
}

func (c corsSettings) problems(environment domain.Environment) []error {
	var out []error
	if slices.Contains(c.origins, "*") {
		if c.credentials {
			out = append(out, domain.Misconfigured(c.setting, "must not hold * while credentials are allowed"))
		}
		if environment == domain.Production {
			out = append(out, domain.Misconfigured(c.setting, "must not hold * in production"))
		}
	}
	if problem := origin.Problem(c.origins); problem != "" {
		out = append(out, domain.Misconfigured(c.setting, problem))
	}
	return out
}

// warnings reports what is ignored in the environment.
func (c corsSettings) warnings(environment domain.Environment) []error {
	if ignored := origin.Ignored(c.origins, environment); ignored != "" {
		return []error{domain.Misconfigured(c.setting, ignored)}
	}
	return nil
}
