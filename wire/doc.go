// Package wire is the composition root. It builds the object graph of each service
// (inject.go, generated into wire_gen.go by google/wire) and defines the order in which
// a process starts and drains (process.go).
//
// Every port has one line in sets.go: the function that returns its production adapter,
// such as kafkaCommands. The function takes settings and shared parts, and builds the
// adapter only when it is called back. It then registers the background work, health
// probes, flushes and releases of that adapter with the lifecycle. No other code names
// the adapter.
//
// To replace an adapter in a test, set one field of the override:
//
//	gateway, release, err := wire.Gateway(cfg, os.Stderr, wire.GatewayOverride{Commands: fake})
//
// The other ports keep their production adapters. What is overridden is neither built
// nor started.
//
// To replace an adapter in production, write the function that returns it (memory.go is
// the shortest example), replace the line of the port in sets.go by its name, and run
// "make wire". New settings are a field of GatewayConfig or WebSocketConfig, whose name
// is also added to the list of settings in sets.go.
package wire
