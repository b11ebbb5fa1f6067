// Package metrics reads the metrics of a service, and tests the names, labels and values of the metrics of both services
// against a list in testdata. Dashboards and alerts are checked against the same list.
package metrics
