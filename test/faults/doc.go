// Package faults takes away what the notification service stands on while
// notifications keep coming, and counts: what was sent, what arrived, what was
// announced, and how long it was silent. It replaces nodes of both services
// under load, as whoever rolls out a version does. Its tests are all there is;
// each prints a row for docs/faults.md.
package faults
