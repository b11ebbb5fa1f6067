// Package app implements the use-cases of the edge: starting pipelines, reporting on
// batches, delivering notifications and admitting sessions. It calls external systems
// only through ports and does not depend on a transport.
package app
