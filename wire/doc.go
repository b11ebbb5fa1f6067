// Package wire is the composition root. It binds adapters to ports (sets.go), builds
// the object graph of each service (inject.go, generated into wire_gen.go by
// google/wire) and defines the order in which a process starts and drains
// (process.go).
package wire
