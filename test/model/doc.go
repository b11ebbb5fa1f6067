// Package model checks the promises of the notification service with random sequences of actions:
// connections, notifications, repeated records, drains, killed nodes, restarts of Redis. A small
// model says what each client must receive after each action: order, each notification once,
// what a resume brings, who is refused by the connection limit. A sequence that fails shrinks to
// a short one, which the test prints as text. The package contains only tests.
package model
