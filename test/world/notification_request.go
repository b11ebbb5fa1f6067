package world

import (
	"encoding/json"
	"time"

	"github.com/huleedu/edge/domain"
)

// NotificationRequest is a notification request of the platform to a teacher.
type NotificationRequest struct {
	// Type is the notification type, such as "batch_results_ready".
	Type string
	// Category and Priority are values of the wire contract.
	Category, Priority string
	// ActionRequired is set if the teacher must act.
	ActionRequired bool
	// Batch and Class are the ids of the subject; both are optional.
	Batch domain.BatchID
	Class string
	// Payload is the data of the type. nil is sent as an empty object.
	Payload map[string]any
}

// NotificationRequests returns all notification types that the platform sends, without
// subject and payload. The caller may change the slice.
func NotificationRequests() []NotificationRequest {
	const (
		progress = "batch_progress"
		results  = "processing_results"
		classes  = "class_management"
		students = "student_workflow"
	)
	return []NotificationRequest{
		{Type: "batch_files_uploaded", Category: "file_operations", Priority: "standard"},
		{Type: "batch_processing_started", Category: progress, Priority: "low"},
		{Type: "batch_spellcheck_completed", Category: progress, Priority: "low"},
		{Type: "batch_nlp_completed", Category: progress, Priority: "standard"},
		{Type: "batch_cj_assessment_completed", Category: progress, Priority: "standard"},
		{Type: "pipeline_completed", Category: progress, Priority: "high"},
		{Type: "batch_results_ready", Category: results, Priority: "high"},
		{Type: "batch_assessment_completed", Category: results, Priority: "standard"},
		{Type: "batch_validation_failed", Category: "system_alerts", Priority: "immediate", ActionRequired: true},
		{Type: "class_created", Category: classes, Priority: "standard"},
		{Type: "student_added_to_class", Category: classes, Priority: "low"},
		{Type: "validation_timeout_processed", Category: students, Priority: "immediate"},
		{Type: "student_associations_confirmed", Category: students, Priority: "high"},
		{Type: "pipeline_denied_insufficient_credits", Category: progress, Priority: "immediate", ActionRequired: true},
	}
}

// NotificationRequestOf returns the request for a type, without subject and payload. An unknown
// type becomes a system alert with priority standard.
func NotificationRequestOf(kind string) NotificationRequest {
	for _, n := range NotificationRequests() {
		if n.Type == kind {
			return n
		}
	}
	return NotificationRequest{Type: kind, Category: "system_alerts", Priority: "standard"}
}

// Data encodes the data member of the event.
func (n NotificationRequest) Data(teacher domain.UserID, correlation string) (json.RawMessage, error) {
	payload := n.Payload
	if payload == nil {
		payload = map[string]any{}
	}
	return json.Marshal(map[string]any{
		"teacher_id": teacher, "notification_type": n.Type, "category": n.Category, "priority": n.Priority,
		"payload": payload, "action_required": n.ActionRequired, "deadline_timestamp": nil,
		"correlation_id": correlation, "batch_id": orNull(string(n.Batch)), "class_id": orNull(n.Class),
		"timestamp": time.Now().UTC().Format(time.RFC3339Nano),
	})
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
