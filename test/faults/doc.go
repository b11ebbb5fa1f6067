// Package faults tests the services under failures of Redis, Kafka, nodes and connections and
// during rolling updates, with continuous traffic. It counts sent, received,
// announced and lost messages and the longest pauses. It contains only tests; each
// prints a row for docs/faults.md.
package faults
