// Package clients tests the JavaScript client in clients/js: its own unit tests under Node, and
// the built package in Node and Chromium against the service program with a real Redis and an
// embedded Kafka. It contains only tests.
//
// The packages of npm are downloaded once into the user's cache. A test is skipped when Node or
// Chromium is missing, or fails when real servers are required.
package clients
