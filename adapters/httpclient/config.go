package httpclient

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/huleedu/edge/adapters/httpclient/transport"
	"github.com/huleedu/edge/adapters/internal/identity"
	"github.com/huleedu/edge/domain"
)

// Config configures the addresses of the services and the limits of calls to them.
type Config struct {
	// ResultAggregatorURL is the base URL of the result aggregator, which has the status of
	// batches. The default is its name on the platform's container network.
	ResultAggregatorURL string `env:"RESULT_AGGREGATOR_URL" alias:"RESULT_AGGREGATOR_SERVICE_URL" envDefault:"http://result_aggregator_service:4003"`
	// OrchestratorURL is the base URL of the batch orchestrator. Without it pipelines start
	// without a preflight; production requires it. The default is its name on the platform's
	// container network.
	OrchestratorURL string `env:"BOS_URL" alias:"BATCH_ORCHESTRATOR_SERVICE_URL" envDefault:"http://batch_orchestrator_service:5000"`
	// ClassesURL is the base URL of the class management service. The default is its name on
	// the platform's container network.
	ClassesURL string `env:"CMS_API_URL" alias:"CLASS_MANAGEMENT_SERVICE_URL" envDefault:"http://class_management_service:5002"`
	// TeacherURL is the base URL of the backend for teachers. The default is its name on the
	// platform's container network.
	TeacherURL string `env:"BFF_TEACHER_URL" alias:"BFF_TEACHER_SERVICE_URL" envDefault:"http://bff_teacher_service:4101"`
	// FilesURL is the base URL of the file service, which receives uploads. The default is its
	// name on the platform's container network.
	FilesURL string `env:"FILE_SERVICE_URL" alias:"FILE_SERVICE_URL" envDefault:"http://file_service:7001"`
	// Timeout bounds a whole call, from connecting to the last byte of the response. A
	// preflight takes at most 10 seconds of it. For a forwarded request it bounds only the
	// wait for the response header, from the end of the request's body.
	Timeout time.Duration `env:"HTTP_CLIENT_TIMEOUT_SECONDS" envDefault:"30"`
	// ConnectTimeout bounds connecting and, separately, the TLS handshake.
	ConnectTimeout time.Duration `env:"HTTP_CLIENT_CONNECT_TIMEOUT_SECONDS" envDefault:"10"`
	// StreamIdleTimeout bounds the time without progress of the bodies of a forwarded request
	// and its response. It does not bound their total time.
	StreamIdleTimeout time.Duration `env:"STREAM_IDLE_TIMEOUT" envDefault:"30"`
	// ConnectionMaxAge is how long a connection to a service is used, less up to a tenth. A
	// connection in use is not closed because of its age.
	ConnectionMaxAge time.Duration `env:"CONNECTION_MAX_AGE" envDefault:"300"`
	// MaxConcurrency is how many calls to one service may be in flight; further calls are
	// refused at once. One user has at most a quarter of them.
	MaxConcurrency int `env:"DOWNSTREAM_MAX_CONCURRENCY" envDefault:"256"`
	// CircuitBreakerEnabled refuses calls to a service after consecutive failures. Without it
	// every call is made.
	CircuitBreakerEnabled bool `env:"CIRCUIT_BREAKER_ENABLED" envDefault:"true"`
	// FailureThreshold is how many consecutive calls to one service must fail before calls are
	// refused. Failures are refused connections, timeouts, 502, 503 and 504.
	FailureThreshold uint32 `env:"HTTP_CIRCUIT_BREAKER_FAILURE_THRESHOLD" envDefault:"5"`
	// RecoveryTimeout is how long calls are refused before a few are admitted as probes.
	RecoveryTimeout time.Duration `env:"HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT" envDefault:"60"`
	// SuccessThreshold is how many probes are admitted, and how many of them must succeed in a
	// row before all calls are admitted.
	SuccessThreshold uint32 `env:"HTTP_CIRCUIT_BREAKER_SUCCESS_THRESHOLD" envDefault:"2"`
}

// minKey is the shortest internal key, in bytes, that production accepts.
const minKey = 32

// URLs returns the base URLs of all services that are set.
func (c Config) URLs() []string {
	return slices.DeleteFunc([]string{
		c.ResultAggregatorURL, c.OrchestratorURL, c.ClassesURL, c.TeacherURL, c.FilesURL,
	}, func(raw string) bool { return raw == "" })
}

// KeyConfig configures the secret that the platform's services share. It is not a part of
// Config, because its variable has no prefix.
type KeyConfig struct {
	// InternalKey is the secret for the internal routes of the platform. Production requires
	// it, with at least 32 bytes that are not a well-known text.
	InternalKey domain.Secret `env:"HULEEDU_INTERNAL_API_KEY"`
}

// transport returns the configuration of the connections.
func (c Config) transport() transport.Config {
	return transport.Config{ConnectTimeout: c.ConnectTimeout, MaxAge: c.ConnectionMaxAge}
}

// Problems and start errors name settings by these full names.
const (
	// aggregatorKey names the setting of the result aggregator's base URL.
	aggregatorKey = "API_GATEWAY_RESULT_AGGREGATOR_URL"
	// orchestratorKey names the setting of the batch orchestrator's base URL.
	orchestratorKey = "API_GATEWAY_BOS_URL"
	// classesKey names the setting of the class management service's base URL.
	classesKey = "API_GATEWAY_CMS_API_URL"
	// teacherKey names the setting of the base URL of the backend for teachers.
	teacherKey = "API_GATEWAY_BFF_TEACHER_URL"
	// filesKey names the setting of the file service's base URL.
	filesKey = "API_GATEWAY_FILE_SERVICE_URL"
	// timeoutKey names the setting of the longest time of a call.
	timeoutKey = "API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS"
	// connectKey names the setting of the longest time to connect.
	connectKey = "API_GATEWAY_HTTP_CLIENT_CONNECT_TIMEOUT_SECONDS"
	// streamIdleKey names the setting of how long a forwarded body may make no progress.
	streamIdleKey = "API_GATEWAY_STREAM_IDLE_TIMEOUT"
	// maxAgeKey names the setting of how long a connection to a service is used.
	maxAgeKey = "API_GATEWAY_CONNECTION_MAX_AGE"
	// concurrencyKey names the setting of how many calls to one service may run at once.
	concurrencyKey = "API_GATEWAY_DOWNSTREAM_MAX_CONCURRENCY"
	// failuresKey names the setting of how many consecutive failures open a circuit.
	failuresKey = "API_GATEWAY_HTTP_CIRCUIT_BREAKER_FAILURE_THRESHOLD"
	// recoveryKey names the setting of how long a circuit stays open.
	recoveryKey = "API_GATEWAY_HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT"
	// successesKey names the setting of how many successful probes close a circuit.
	successesKey = "API_GATEWAY_HTTP_CIRCUIT_BREAKER_SUCCESS_THRESHOLD"
	// internalKey names the setting of the secret for the internal routes of the platform.
	internalKey = "HULEEDU_INTERNAL_API_KEY"
)

// invalidAddress is the message for an invalid base URL. It does not quote the URL, which may
// hold a password.
const invalidAddress = "must be an absolute http or https URL without query"

// Problems returns a CONFIGURATION_ERROR for every setting that is invalid in the environment.
func (c Config) Problems(environment domain.Environment) []error {
	var found problems
	found.check(!isBaseURL(c.ResultAggregatorURL), aggregatorKey, invalidAddress)
	found.check(environment == domain.Production && c.OrchestratorURL == "", orchestratorKey, "must not be empty in production")
	found.check(c.OrchestratorURL != "" && !isBaseURL(c.OrchestratorURL), orchestratorKey, invalidAddress)
	found.check(!isBaseURL(c.ClassesURL), classesKey, invalidAddress)
	found.check(!isBaseURL(c.TeacherURL), teacherKey, invalidAddress)
	found.check(!isBaseURL(c.FilesURL), filesKey, invalidAddress)
	found.check(c.Timeout <= 0, timeoutKey, "must be positive")
	found.check(c.ConnectTimeout <= 0, connectKey, "must be positive")
	found.check(c.StreamIdleTimeout <= 0, streamIdleKey, "must be positive")
	found.check(c.ConnectionMaxAge <= 0, maxAgeKey, "must be positive")
	found.check(c.MaxConcurrency < 1, concurrencyKey, "must be at least 1")
	found.check(c.FailureThreshold < 1, failuresKey, "must be at least 1")
	found.check(c.RecoveryTimeout <= 0, recoveryKey, "must be positive")
	found.check(c.SuccessThreshold < 1, successesKey, "must be at least 1")
	return found
}

// Problems returns a CONFIGURATION_ERROR if the key is invalid in the environment.
func (c KeyConfig) Problems(environment domain.Environment) []error {
	var found problems
	production := environment == domain.Production
	found.check(production && c.InternalKey == "", internalKey, "must not be empty in production")
	if production && c.InternalKey != "" {
		found.check(len(c.InternalKey) < minKey, internalKey, "must have at least 32 bytes in production")
		found.check(c.InternalKey.Guessable(), internalKey, "is a well-known or guessable text, which production refuses")
	}
	found.check(!identity.FitsHeader(c.InternalKey.Reveal()), internalKey, "must be printable ASCII without spaces around it")
	return found
}

// problems collects the errors of settings.
type problems []error

func (c *problems) check(wrong bool, key, message string) {
	if wrong {
		*c = append(*c, domain.Misconfigured(key, message))
	}
}

func isBaseURL(raw string) bool {
	_, err := baseURL(raw)
	return err == nil
}

var errInvalidBaseURL = errors.New("not an absolute http or https URL without query, fragment and credentials")

// baseURL parses the address of a service. The path of the result has no slash at its end, and
// its host is in ASCII. The error does not quote the value, which may hold a password.
func baseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "",
		u.RawQuery != "" || u.ForceQuery, u.Fragment != "", u.User != nil:
		return nil, errInvalidBaseURL
	}
	host, err := httpguts.PunycodeHostPort(u.Host)
	if err != nil || !httpguts.ValidHostHeader(host) {
		return nil, errInvalidBaseURL
	}
	u.Host = host
	u.RawPath = strings.TrimRight(u.EscapedPath(), "/")
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}
