// Package memory contains in-process implementations of the ports for tests and examples. They
// pass the same contract suites as the remote adapters, need no server, and can simulate
// failures. In production a node uses RateLimiter and Quota while Redis is unavailable.
package memory
