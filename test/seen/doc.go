// Package seen proves what operators see: the names of the metrics, the
// dashboards, the alerts and their pages. It alone links Prometheus' own
// parser and engine.
package seen
