// Package seen proves what operators see of the services: the names, labels and
// values of their metrics, as a list in testdata that dashboards and alerts are
// held against.
package seen
