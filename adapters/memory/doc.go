// Package memory contains in-process implementations of the ports for tests and
// examples. They pass the same contract suites as the remote adapters, need no server,
// and can simulate failures.
package memory
