// Package telemetry provides logs (zap behind log/slog), spans (OpenTelemetry) and
// metrics (Prometheus). Its API does not expose these libraries, except for the tracer
// provider, which instrumented code needs.
//
// No user id is ever a label, and a domain.Secret prints as "[redacted]"
// in logs.
package telemetry
