// Package domain defines the business types of HuleEdu's edge: callers, batches,
// commands, notifications and errors. It imports only the standard library and does
// no I/O. The event envelope is its only wire format.
package domain
