// Package telemetry lets operators see what the services do: logs (zap behind
// log/slog), spans (OpenTelemetry) and metrics (Prometheus). Nothing of those
// libraries shows outside, save the tracer provider that instrumented code
// takes.
//
// No user id is ever a label, and a domain.Secret prints as "[redacted]"
// wherever it is logged.
package telemetry
