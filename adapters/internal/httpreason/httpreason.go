// Package httpreason defines the reasons of errors that only HTTP has. The HTTP server
// answers each with a status of its own. The error code stays the one of the contract.
package httpreason

import "github.com/huleedu/edge/domain"

// The reasons, in the order of their statuses: 405, 409, 415, 422, 426.
const (
	WrongMethod     domain.Reason = "wrong_method"
	Conflict        domain.Reason = "conflict"
	WrongMediaType  domain.Reason = "wrong_media_type"
	SchemaViolation domain.Reason = "schema_violation"
	UpgradeRequired domain.Reason = "upgrade_required"
)
