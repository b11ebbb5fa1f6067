// Package e2e proves the services from outside: real sockets in front, a
// simulated platform behind, and every journey both on the embedded Redis and
// Kafka and on real ones. Its tests are all there is.
package e2e
