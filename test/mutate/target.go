package main

// target is code whose mutants are run with the tests of one package.
type target struct {
	// mutated is the package that is changed, relative to the module.
	mutated string
	// files are the changed files; nil: all.
	files []string
	// tests is the package with the tests; empty: the mutated one.
	tests string
	// run selects tests, as "go test -run" does; empty: all.
	run string
}

// testPackage returns the package with the tests.
func (t target) testPackage() string {
	if t.tests != "" {
		return t.tests
	}
	return t.mutated
}

// targets returns what "make mutate" measures: decisions, not transport.
func targets() []target {
	return []target{
		{mutated: "domain"},
		{mutated: "app"},
		{mutated: "app/delivery"},
		{mutated: "adapters/jwt"},
		{mutated: "adapters/internal/bearer"},
		{mutated: "adapters/httpserver/clientip"},
		{mutated: "adapters/redis/reply"},
		{
			mutated: "adapters/httpserver/proxy", tests: "adapters/httpserver",
			run: "Forward|Reserved|Header|Identity|Path|Location|EventStream|Stalled|Answers|Protocols|Trailers|Informational|Spelling",
		},
		{
			mutated: "adapters/httpserver", files: []string{"status.go", "rate_limit.go", "error_writer.go", "responder.go"},
			run: "Status|Reason|Code|RetryAfter|UnknownErrors|Limit|FailedCalls",
		},
		{
			mutated: "adapters/redis", files: []string{"errors.go", "ratelimit.go", "ratelimit_denied.go", "ratelimit_window.go"},
			run: "RedisError|Denied|LimiterIs|LimiterS|LimiterBatches",
		},
		{
			mutated: "adapters/kafka", files: []string{"error_class.go", "error_codes.go", "consumer_disposition.go"},
			run: "ErrorCode|Checksum|Disposition|ConnectionErrors|RejectedRecord|Limit|WaitsForATopic",
		},
	}
}
