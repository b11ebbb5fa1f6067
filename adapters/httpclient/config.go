package httpclient

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/huleedu/edge/domain"
)

// Config says where the services behind the gateway are and how long they may
// take.
type Config struct {
	// ResultAggregatorURL is the base URL of the service that knows the state of
	// batches. The default is its name on the platform's container network.
	ResultAggregatorURL string `env:"RESULT_AGGREGATOR_URL" alias:"RESULT_AGGREGATOR_SERVICE_URL" envDefault:"http://result_aggregator_service:4003"`
	// OrchestratorURL is the base URL of the batch orchestrator. Empty skips the
	// question whether a pipeline may start, outside production only. The default
	// is its name on the platform's container network.
	OrchestratorURL string `env:"BOS_URL" alias:"BATCH_ORCHESTRATOR_SERVICE_URL" envDefault:"http://batch_orchestrator_service:5000"`
	// Timeout bounds a whole call, from connecting to the answer's last byte. The
	// preflight waits at most 10 seconds of it.
	Timeout time.Duration `env:"HTTP_CLIENT_TIMEOUT_SECONDS" envDefault:"30"`
	// ConnectTimeout bounds connecting and, separately, the TLS handshake.
	ConnectTimeout time.Duration `env:"HTTP_CLIENT_CONNECT_TIMEOUT_SECONDS" envDefault:"10"`
	// InternalKey is the secret that opens the platform's internal routes. It is
	// required in production.
	InternalKey domain.Secret `env:"HULEEDU_INTERNAL_API_KEY" alias:"HULEEDU_INTERNAL_API_KEY"`
}

// The settings' full names, as an operator writes them.
const (
	aggregatorKey   = "API_GATEWAY_RESULT_AGGREGATOR_URL"
	orchestratorKey = "API_GATEWAY_BOS_URL"
	timeoutKey      = "API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS"
	connectKey      = "API_GATEWAY_HTTP_CLIENT_CONNECT_TIMEOUT_SECONDS"
	internalKey     = "HULEEDU_INTERNAL_API_KEY"
)

// Problems reports every setting that cannot be used in the environment, each
// as a CONFIGURATION_ERROR.
func (c Config) Problems(environment domain.Environment) []error {
	var found []error
	complain := func(wrong bool, key, message string) {
		if wrong {
			found = append(found, domain.Misconfigured(key, message))
		}
	}
	live := environment == domain.Production
	_, err := baseURL(c.ResultAggregatorURL)
	complain(err != nil, aggregatorKey, "must be an absolute http or https URL without query")
	complain(live && c.OrchestratorURL == "", orchestratorKey, "must not be empty in production")
	_, err = baseURL(c.OrchestratorURL)
	complain(c.OrchestratorURL != "" && err != nil, orchestratorKey, "must be an absolute http or https URL without query")
	complain(c.Timeout <= 0, timeoutKey, "must be longer than nothing")
	complain(c.ConnectTimeout <= 0, connectKey, "must be longer than nothing")
	complain(live && c.InternalKey == "", internalKey, "must not be empty in production")
	complain(!plain(c.InternalKey.Reveal()), internalKey, "must be printable ASCII without spaces around it")
	return found
}

var errNoBase = errors.New("not an absolute http or https URL without query, fragment and credentials")

// baseURL checks a service's address and drops the slash at its end. The error
// repeats nothing of the value, which may hold a password.
func baseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "",
		u.RawQuery != "" || u.ForceQuery, u.Fragment != "", u.User != nil:
		return "", errNoBase
	default:
		return strings.TrimRight(raw, "/"), nil
	}
}
