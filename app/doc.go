// Package app holds the use-cases of the edge: starting pipelines, reporting
// on batches, bringing notifications and admitting sessions. Each is a noun
// with verbs; each drives the world through ports and knows no transport.
package app
