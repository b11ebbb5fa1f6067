package telemetry

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap/zapcore"

	"github.com/huleedu/edge/domain"
)

// Config configures logs, metrics and traces of a service.
type Config struct {
	// LogLevel is the least severe level that is written: debug, info, warning
	// or error, in any case.
	LogLevel string `env:"LOG_LEVEL" envDefault:"info" alias:"LOG_LEVEL"`
	// LogFormat is json for machines or console for people.
	LogFormat string `env:"LOG_FORMAT" envDefault:"json" alias:"LOG_FORMAT"`
	// EnableMetrics serves /metrics.
	EnableMetrics bool `env:"ENABLE_METRICS" envDefault:"true" alias:"ENABLE_METRICS"`
	// EnableTracing creates spans. Without it the caller's trace context is only
	// forwarded.
	EnableTracing bool `env:"ENABLE_TRACING" envDefault:"true" alias:"ENABLE_TRACING"`
	// ServiceName replaces the service's own name in logs and spans. Errors and
	// health responses keep the name of the contract.
	ServiceName string `env:"SERVICE_NAME" alias:"SERVICE_NAME"`
}

// Problems reports every invalid setting.
func (c Config) Problems(domain.Environment) []error {
	var out []error
	if _, ok := c.level(); !ok {
		out = append(out, domain.Misconfigured("LOG_LEVEL", "must be debug, info, warning or error"))
	}
	if !slices.Contains([]string{formatJSON, formatConsole}, strings.ToLower(c.LogFormat)) {
		out = append(out, domain.Misconfigured("LOG_FORMAT", "must be json or console"))
	}
	return out
}

const (
	// formatJSON is the log format with one JSON object in each line.
	formatJSON = "json"
	// formatConsole is the log format for people, one line of text for each entry.
	formatConsole = "console"
)

// level returns the level. It also accepts the names of Python's logging, because
// existing deployments use them.
func (c Config) level() (zapcore.Level, bool) {
	switch strings.ToLower(c.LogLevel) {
	case "debug":
		return zapcore.DebugLevel, true
	case "info":
		return zapcore.InfoLevel, true
	case "warn", "warning":
		return zapcore.WarnLevel, true
	case "error", "critical":
		return zapcore.ErrorLevel, true
	default:
		return zapcore.InfoLevel, false
	}
}

// name returns the name of the service in logs and spans.
func (c Config) name(s domain.Service) string {
	if c.ServiceName != "" {
		return c.ServiceName
	}
	return string(s)
}

// OTelConfig contains the standard OTEL_* settings that decide whether and where spans
// are sent. They are never prefixed. Those for headers, certificates, time
// limits, batching and resource attributes are read by the OpenTelemetry SDK
// itself.
type OTelConfig struct {
	// Disabled turns tracing off, as ENABLE_TRACING=false does.
	Disabled bool `env:"OTEL_SDK_DISABLED" envDefault:"false"`
	// Endpoint is the collector's base URL. Over HTTP "/v1/traces" is appended;
	// over gRPC host and port are used, and https means TLS. Without it spans have ids
	// but are not sent.
	Endpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	// TracesEndpoint is the collector's URL for spans, used as it is; it has
	// precedence over the base URL.
	TracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	// Protocol is grpc or http/protobuf. Empty: grpc if the port of the endpoint
	// is 4317, else http/protobuf.
	Protocol string `env:"OTEL_EXPORTER_OTLP_PROTOCOL"`
	// TracesProtocol is the protocol for spans; it has precedence over the general one.
	TracesProtocol string `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"`
	// Exporter is otlp, or none to send no spans.
	Exporter string `env:"OTEL_TRACES_EXPORTER" envDefault:"otlp"`
	// Sampler is one of the standard names: always_on, always_off,
	// traceidratio, each also with parentbased_ in front. The
	// sampled flag of a client is always ignored.
	Sampler string `env:"OTEL_TRACES_SAMPLER" envDefault:"parentbased_always_on"`
	// SamplerArg is the ratio of traces that the ratio samplers keep, from 0 to 1;
	// empty is 1.
	SamplerArg string `env:"OTEL_TRACES_SAMPLER_ARG"`
}

// Complete applies the rules of OpenTelemetry for variables: an empty one counts
// as not set, and names are not case-sensitive.
func (c *OTelConfig) Complete(func(variable string) bool) {
	c.Exporter = strings.ToLower(cmp.Or(c.Exporter, exporterOTLP))
	c.Sampler = strings.ToLower(cmp.Or(c.Sampler, "parentbased_always_on"))
	c.Protocol, c.TracesProtocol = strings.ToLower(c.Protocol), strings.ToLower(c.TracesProtocol)
}

// Problems reports every invalid setting.
func (c *OTelConfig) Problems(domain.Environment) []error {
	var out []error
	if c.Endpoint != "" && !isHTTP(c.Endpoint) {
		out = append(out, domain.Misconfigured("OTEL_EXPORTER_OTLP_ENDPOINT", "must be an http or https URL"))
	}
	if c.TracesEndpoint != "" && !isHTTP(c.TracesEndpoint) {
		out = append(out, domain.Misconfigured("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "must be an http or https URL"))
	}
	const protocols = "must be grpc or http/protobuf"
	if !slices.Contains([]string{"", protocolGRPC, protocolHTTP}, c.Protocol) {
		out = append(out, domain.Misconfigured("OTEL_EXPORTER_OTLP_PROTOCOL", protocols))
	}
	if !slices.Contains([]string{"", protocolGRPC, protocolHTTP}, c.TracesProtocol) {
		out = append(out, domain.Misconfigured("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocols))
	}
	if c.Exporter != exporterOTLP && c.Exporter != exporterNone {
		out = append(out, domain.Misconfigured("OTEL_TRACES_EXPORTER", "must be otlp or none"))
	}
	if _, ok := c.sampler(); !ok {
		out = append(out, domain.Misconfigured("OTEL_TRACES_SAMPLER", "must be a standard sampler's name"))
	}
	if _, ok := c.ratio(); !ok {
		out = append(out, domain.Misconfigured("OTEL_TRACES_SAMPLER_ARG", "must be a number from 0 to 1"))
	}
	return out
}

// OpenTelemetry defines these names.
const (
	// exporterOTLP is the exporter that sends spans to a collector by OTLP.
	exporterOTLP = "otlp"
	// exporterNone is the exporter that sends no spans.
	exporterNone = "none"

	// protocolGRPC is OTLP over gRPC.
	protocolGRPC = "grpc"
	// protocolHTTP is OTLP over HTTP, with protobuf as its encoding.
	protocolHTTP = "http/protobuf"
	// grpcPort is the default port of OTLP over gRPC.
	grpcPort = "4317"
)

// endpoint returns the configured URL for spans, or "" if spans are not sent.
func (c *OTelConfig) endpoint() string {
	switch {
	case c.Exporter == exporterNone:
		return ""
	case c.TracesEndpoint != "":
		return c.TracesEndpoint
	default:
		return c.Endpoint
	}
}

// protocol returns the configured protocol, or the one that the port of the endpoint
// implies.
func (c *OTelConfig) protocol() string {
	if c.TracesProtocol != "" {
		return c.TracesProtocol
	}
	if c.Protocol != "" {
		return c.Protocol
	}
	if u, err := url.Parse(c.endpoint()); err == nil && u.Port() == grpcPort {
		return protocolGRPC
	}
	return protocolHTTP
}

// httpURL returns the URL to which spans are posted over HTTP.
func (c *OTelConfig) httpURL() string {
	if c.TracesEndpoint != "" {
		return c.TracesEndpoint
	}
	return strings.TrimRight(c.Endpoint, "/") + "/v1/traces"
}

// ratio returns the ratio of traces to keep, and false if it is invalid.
func (c *OTelConfig) ratio() (float64, bool) {
	if c.SamplerArg == "" {
		return 1, true
	}
	r, err := strconv.ParseFloat(c.SamplerArg, 64)
	return r, err == nil && r >= 0 && r <= 1
}

func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
