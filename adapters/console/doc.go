// Package console contains clients of both services and prints their responses
// for a terminal. Only the edge tool uses it; the services do not.
package console
