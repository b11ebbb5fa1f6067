package world

import (
	"encoding/json"
	"time"

	"github.com/huleedu/edge/domain"
)

// Notice is a notification that the platform asks to be brought to a teacher.
type Notice struct {
	// Type is its name, such as "batch_results_ready".
	Type string
	// Category and Priority are words of the contract.
	Category, Priority string
	// ActionRequired asks the teacher to do something.
	ActionRequired bool
	// Batch and Class say what it is about; empty: nothing.
	Batch domain.BatchID
	Class string
	// Payload is the type's own data; nil is an empty object.
	Payload map[string]any
}

// Notices lists the notifications that the platform is known to send, without
// anything that they are about. The slice is the caller's own.
func Notices() []Notice {
	const (
		progress = "batch_progress"
		results  = "processing_results"
		classes  = "class_management"
		students = "student_workflow"
	)
	return []Notice{
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

// NoticeOf returns the notification of a type, ready to be filled; an unknown
// type is a standard alert of that name.
func NoticeOf(kind string) Notice {
	for _, n := range Notices() {
		if n.Type == kind {
			return n
		}
	}
	return Notice{Type: kind, Category: "system_alerts", Priority: "standard"}
}

// Data is the event's data, as the platform's services write it.
func (n Notice) Data(teacher domain.UserID, correlation string) (json.RawMessage, error) {
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
