package domain

import "time"

// Notification is a message to one user that is stored in the user's log.
type Notification struct {
	// EventID identifies the event. An event is stored and published once per user.
	EventID string
	// User is the receiver.
	User UserID
	// Frame is the client's JSON object without the member "id", which the user's
	// log assigns: see WithID.
	Frame []byte
}

// Categories lists the categories of notifications. It returns a new slice.
func Categories() []string {
	return []string{
		"batch_progress", "processing_results", "file_operations",
		"class_management", "student_workflow", "system_alerts",
	}
}

// Priorities lists the priorities of notifications, highest first. It returns a new
// slice.
func Priorities() []string {
	return []string{"critical", "immediate", "high", "standard", "low"}
}

// NotificationTypes lists the types of notifications that the platform sends. Others are
// delivered too. It returns a new slice.
func NotificationTypes() []string {
	return []string{
		"batch_files_uploaded", "batch_processing_started", "batch_spellcheck_completed", "batch_nlp_completed",
		"batch_cj_assessment_completed", "pipeline_completed", "batch_results_ready", "batch_assessment_completed",
		"batch_validation_failed", "class_created", "student_added_to_class", "validation_timeout_processed",
		"student_associations_confirmed", "pipeline_denied_insufficient_credits",
	}
}

// positionMember is the start of the member that WithID adds to a frame.
const positionMember = `,"id":"`

// WithID returns the frame with its position in the user's log as member "id". frame
// is a JSON object with at least one member; it is not changed.
func WithID(frame []byte, id string) []byte {
	out := make([]byte, 0, len(frame)+len(positionMember)+len(id)+2)
	out = append(out, frame[:len(frame)-1]...)
	out = append(out, positionMember...)
	out = append(out, id...)
	return append(out, `"}`...)
}

// maxPosition is the longest position: two decimal numbers of 64 bits.
const maxPosition = "18446744073709551615-18446744073709551615"

// MaxFrameSize returns the maximum size in bytes of the frame after WithID, for the
// longest position.
func MaxFrameSize(frame []byte) int {
	return len(frame) + len(positionMember) + len(maxPosition) + len(`"`)
}

// PublishResult is the result of publishing a notification.
type PublishResult struct {
	// ID is the notification's position in the user's log.
	ID string
	// Duplicate reports that the event was stored before and that nothing was sent.
	Duplicate bool
}

// Message is a frame for all connections of a user.
type Message struct {
	// User is the receiver.
	User UserID
	// Payload is sent verbatim. All connections share it, so it must not be changed.
	Payload []byte
	// Received is when this process received the message.
	Received time.Time
	// MissedSince, if set, is the time since which messages may be lost. Every connection
	// of the user then gets the entries of the user's log that it lacks, before any
	// stored notification that follows this message. Payload may be empty then.
	MissedSince time.Time
}

// Gap is a period in which live messages for users may be lost.
type Gap struct {
	// Users are the users of the lost subscription.
	Users []UserID
	// Since is the time of the last message or confirmation before the loss, minus
	// the time that a lost message may have been in transit.
	Since time.Time
}
