// Package e2e tests both services from outside: HTTP and WebSocket clients in front, a simulated platform
// behind, with embedded Redis and Kafka and with real ones. It contains only tests.
package e2e
