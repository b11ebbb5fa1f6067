// Package httpclient asks the services behind the gateway over HTTP, in the
// caller's name: the result aggregator about batches, the orchestrator about
// pipelines.
//
// Every call to a system goes through its one service value, which owns the
// connection pool, the identity headers, the deadline, the span and the count.
// What a single system may be burdened with is decided there and nowhere else.
package httpclient
