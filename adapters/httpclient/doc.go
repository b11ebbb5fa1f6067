// Package httpclient calls the services behind the gateway over HTTP, with the identity of the
// caller. PlatformClient makes the small calls: to the result aggregator about batches, and to the
// orchestrator about pipelines and registrations. Forwarder passes requests on unchanged.
//
// The files in the order of a call: batches.go, registry.go and preflight.go build a call;
// service.go makes it, request.go and response.go encode and read it; guard.go (bulkhead,
// circuit, retry budget) admits it; attempt.go sends it, at most twice, through the package
// transport; report.go reads the documents.
package httpclient
