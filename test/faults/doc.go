// Package faults takes away what the notification service stands on while
// notifications keep coming, and counts: what was sent, what arrived, what was
// announced, and how long it was silent. Its tests are all there is; each
// prints a row of the table in docs/faults.md.
package faults
