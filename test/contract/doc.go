// Package contract contains one test suite per port. A suite tests every statement of
// the port's comment. An adapter provides a harness, which creates instances and lists
// the abilities of its technology; the adapter is complete when its suite passes. The
// tests use real adapters and no mocks.
package contract
