// Package harness starts the services for tests, as programs in their own processes or in the
// process of the test, and provides what surrounds them: logs, tokens and a collector of spans.
package harness
