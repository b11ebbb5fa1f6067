// Package ports holds what the application needs from the world, as
// interfaces that the application drives. Each says what it is for and what an
// adapter must keep: concurrency, ordering, blocking, the codes of its errors
// and what happens while the technology behind it is away. The suites in
// test/contract hold every adapter to these words.
//
// Every error that leaves a port is a *domain.Error. A context that is done
// ends every blocking call.
package ports
