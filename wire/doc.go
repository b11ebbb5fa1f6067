// Package wire is the composition root: it alone knows which adapter stands
// behind which port (sets.go), builds the one graph of each service
// (inject.go, generated into wire_gen.go by google/wire) and says in which
// order a process starts and drains (process.go).
package wire
