package main

import "path"

// target is code whose mutants are run with the tests of one or more packages.
type target struct {
	// mutated is the package that is changed, relative to the module.
	mutated string
	// files are the changed files; nil: all.
	files []string
	// tests hold the code; none: all tests of the mutated package.
	tests []testSet
}

// testSet is tests of one package.
type testSet struct {
	pkg string
	// run selects tests, as "go test -run" does; empty: all.
	run string
}

// testSets returns the tests of the target.
func (t target) testSets() []testSet {
	if t.tests == nil {
		return []testSet{{pkg: t.mutated}}
	}
	return t.tests
}

// narrowed returns the target without what is not in the package or file; empty: all. It returns false
// if nothing is left.
func (t target) narrowed(only string) (target, bool) {
	if only == "" || only == t.mutated {
		return t, true
	}
	if path.Ext(only) != ".go" || path.Dir(only) != t.mutated {
		return target{}, false
	}
	t.files = []string{path.Base(only)}
	return t, true
}

// targets returns what "make mutate" measures: decisions, not transport.
func targets() []target {
	return []target{
		{mutated: "domain", tests: []testSet{{pkg: "domain"}, {pkg: "app"}, {pkg: "adapters/httpserver/decode"}, {pkg: "adapters/httpserver", run: "Status|Code"}}},
		{mutated: "app"},
		{mutated: "app/delivery", tests: []testSet{{pkg: "app/delivery"}, {pkg: "adapters/sse", run: "TestManager"}}},
		{mutated: "adapters/jwt"},
		{mutated: "adapters/internal/bearer"},
		{mutated: "adapters/httpserver/clientip"},
		{mutated: "adapters/httpserver/decode", tests: []testSet{
			{pkg: "adapters/httpserver/decode"}, {pkg: "adapters/httpserver", run: "JSON|Type|Regist|Prompt|Pipeline|List|Batch|Compress|Encod"},
		}},
		{mutated: "adapters/httpserver/upload", tests: []testSet{{pkg: "adapters/httpserver/upload"}, {pkg: "adapters/httpserver", run: "Upload|File|Form|Part"}}},
		{
			mutated: "adapters/httpserver/requestbody", files: []string{"middleware.go", "read.go", "stream.go", "writer.go"},
			tests: []testSet{{pkg: "adapters/httpserver/requestbody"}, {pkg: "adapters/httpserver", run: "Bod(y|ies)|Stalled|Bound|Left"}},
		},
		{mutated: "adapters/redis/reply"},
		{mutated: "adapters/httpclient", files: []string{
			"attempt.go", "bulkhead.go", "circuit.go", "circuit_report.go", "guard.go", "outcome.go", "response.go", "retry_budget.go", "service_state.go",
		}},
		{mutated: "adapters/httpserver/proxy", tests: []testSet{
			{pkg: "adapters/httpserver/proxy"},
			{pkg: "adapters/httpserver", run: "Forward|Header|Answers|EventStream|Stream|Stalled|Protocols|Trailers|Informational|FailedCalls|Drain|Cut|WithoutTransport"},
		}},
		{mutated: "adapters/httpserver", files: []string{
			"authentication.go", "error_writer.go", "limits.go", "rate_limit.go", "responder.go", "status.go",
		}},
		{
			mutated: "adapters/redis", files: []string{
				"errors.go", "idempotency.go", "quota.go", "quota_leases.go", "quota_renewal.go", "ratelimit.go", "ratelimit_denied.go",
				"ratelimit_window.go", "script.go",
			},
			tests: []testSet{{
				pkg: "adapters/redis",
				run: "RedisError|Denied|Limiter|Quota|Idempotency|Lease|Renew|Release|Script|Results|Window|Reclaim|Outage",
			}},
		},
		{
			mutated: "adapters/kafka", files: []string{"error_class.go", "error_codes.go", "consumer_disposition.go"},
			tests: []testSet{{pkg: "adapters/kafka", run: "ErrorCode|Refusals|Checksum|Disposition|ConnectionErrors|RejectedRecord|Limit|WaitsForATopic"}},
		},
	}
}
