package domain

import "slices"

// BatchID names a batch of essays.
type BatchID string

// ClientStatus is a batch's state as clients see it.
type ClientStatus string

const (
	// PendingContent is the status of a batch that waits for its essays.
	PendingContent ClientStatus = "pending_content"
	// Ready is the status of a batch that can start a pipeline.
	Ready ClientStatus = "ready"
	// Processing is the status of a batch that runs a pipeline.
	Processing ClientStatus = "processing"
	// CompletedSuccessfully is the status of a batch that has results for all essays.
	CompletedSuccessfully ClientStatus = "completed_successfully"
	// CompletedWithFailures is the status of a batch that has results for some essays.
	CompletedWithFailures ClientStatus = "completed_with_failures"
	// Failed is the status of a batch that has no results.
	Failed ClientStatus = "failed"
	// Cancelled is the status of a batch that was cancelled.
	Cancelled ClientStatus = "cancelled"
)

// ClientStatuses lists the client statuses in the order of a batch's life. It
// returns a new slice.
func ClientStatuses() []ClientStatus {
	return []ClientStatus{
		PendingContent, Ready, Processing, CompletedSuccessfully, CompletedWithFailures, Failed, Cancelled,
	}
}

// ClientStatusOf translates the platform's status of a batch. A client status stays
// as it is. For an unknown status it returns PendingContent and false.
func ClientStatusOf(overall string) (status ClientStatus, known bool) {
	switch overall {
	case string(PendingContent), "awaiting_content_validation", "awaiting_pipeline_configuration", "REGISTERED":
		return PendingContent, true
	case string(Ready), "ready_for_pipeline_execution":
		return Ready, true
	case string(Processing), "processing_pipelines", "awaiting_student_validation",
		"student_validation_completed", "validation_timeout_processed", "PROCESSING":
		return Processing, true
	case string(CompletedSuccessfully), "COMPLETED":
		return CompletedSuccessfully, true
	case string(CompletedWithFailures), "PARTIALLY_COMPLETED":
		return CompletedWithFailures, true
	case string(Failed), "content_ingestion_failed", "failed_critically", "FAILED":
		return Failed, true
	case string(Cancelled), "CANCELLED":
		return Cancelled, true
	default:
		return PendingContent, false
	}
}

// PlatformStatus returns the platform's status that filters its list for a client
// status.
func (s ClientStatus) PlatformStatus() string {
	switch s {
	case PendingContent:
		return "awaiting_content_validation"
	case Ready:
		return "ready_for_pipeline_execution"
	case Processing:
		return "processing_pipelines"
	case Failed:
		return "content_ingestion_failed"
	default:
		return string(s)
	}
}

// BatchReport is the platform's answer about one batch.
type BatchReport struct {
	// Owner is the user the batch belongs to; empty when the platform names none.
	Owner UserID
	// Overall is the platform's status of the batch.
	Overall string
	// Document is the platform's JSON object without the member that names the
	// owner; every other byte is unchanged.
	Document []byte
}

// BatchQuery is a client's request for a page of its batches.
type BatchQuery struct {
	// Limit is 1-100, Offset 0 or more, both in batches.
	Limit, Offset int
	// Status, unless empty, selects the batches in that state.
	Status ClientStatus
}

// PlatformQuery is a BatchQuery in the words of the platform.
type PlatformQuery struct {
	// Limit is 1-100, Offset 0 or more, both in batches.
	Limit, Offset int
	// Overall, unless empty, selects the batches with that status of the platform.
	Overall string
}

// PlatformPage is the platform's answer to a PlatformQuery.
type PlatformPage struct {
	Batches []ListedBatch
	// Total counts all batches that match, on this page or not.
	Total int
}

// ListedBatch is one batch of a PlatformPage. Its document is a JSON object without the
// member that names the owner; every other byte is unchanged.
type ListedBatch struct {
	// Overall is the platform's status of the batch.
	Overall string
	// Head and Tail are the parts of the document before and after the value of its member
	// "overall_status".
	Head, Tail []byte
}

// Document returns a copy of the document with a client status in place of the platform's.
func (b ListedBatch) Document(status ClientStatus) Document {
	return slices.Concat(b.Head, []byte(`"`+string(status)+`"`), b.Tail)
}

// BatchPage is one page of a user's batches.
type BatchPage struct {
	// Batches are JSON objects without owners. Their "overall_status" is a client
	// status.
	Batches []Document
	// Total counts all batches that match, on this page or not.
	Total int
}

// Document is a JSON value, byte for byte as another service wrote it.
type Document []byte

// MarshalJSON embeds the document as it is.
func (d Document) MarshalJSON() ([]byte, error) { return d, nil }
