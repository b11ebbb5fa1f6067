// Package ports defines the interfaces through which the application uses external
// systems. Each comment states what an adapter must guarantee: concurrency, ordering,
// blocking, error codes, and the behaviour while the external system is unavailable.
// The suites in test/contract verify every adapter.
//
// Every error of a port is a *domain.Error. Every blocking call returns when its
// context is done.
package ports
