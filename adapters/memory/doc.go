// Package memory holds twins of the remote adapters that live in the process:
// they pass the same contract suites, need nothing to be started, and can be
// told to fail. Tests of whole journeys and examples run on them.
package memory
