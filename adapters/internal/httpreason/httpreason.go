// Package httpreason defines the reasons of errors that only HTTP has. The HTTP server
// answers each with a status of its own. The error code stays the one of the contract.
package httpreason

import "github.com/huleedu/edge/domain"

const (
	// WrongMethod is the reason of a request with a method that its path does not have (405).
	WrongMethod domain.Reason = "wrong_method"
	// Conflict is the reason of an upload to a batch that cannot take files now (409).
	Conflict domain.Reason = "conflict"
	// WrongMediaType is the reason of a request body with an unsupported media type (415).
	WrongMediaType domain.Reason = "wrong_media_type"
	// SchemaViolation is the reason of a request that violates its schema (422).
	SchemaViolation domain.Reason = "schema_violation"
	// UpgradeRequired is the reason of a request for the WebSocket route that is not a WebSocket
	// upgrade (426).
	UpgradeRequired domain.Reason = "upgrade_required"
)
