package domain

import "time"

// Notification is a message to one user that the platform promised to keep.
type Notification struct {
	// EventID names the event; the same id is kept and announced once.
	EventID string
	// User is the receiver.
	User UserID
	// Frame is the client's JSON object without its "id" member, which only the
	// user's log can assign: see WithID.
	Frame []byte
}

// Categories lists what a kept notification can be about. The slice is the
// caller's own.
func Categories() []string {
	return []string{
		"batch_progress", "processing_results", "file_operations",
		"class_management", "student_workflow", "system_alerts",
	}
}

// Priorities lists how much a kept notification can matter, most first. The
// slice is the caller's own.
func Priorities() []string {
	return []string{"critical", "immediate", "high", "standard", "low"}
}

// positionMember begins the member that WithID adds to a frame.
const positionMember = `,"id":"`

// WithID completes a notification's frame with its position in the user's log.
// frame is a JSON object with at least one member; it is not changed.
func WithID(frame []byte, id string) []byte {
	out := make([]byte, 0, len(frame)+len(positionMember)+len(id)+2)
	out = append(out, frame[:len(frame)-1]...)
	out = append(out, positionMember...)
	out = append(out, id...)
	return append(out, `"}`...)
}

// maxPosition is the longest position that a log can assign: two decimal numbers
// of 64 bits.
const maxPosition = "18446744073709551615-18446744073709551615"

// MaxFrameSize returns how many bytes the frame has at most once WithID has
// completed it, whatever id the log assigns.
func MaxFrameSize(frame []byte) int {
	return len(frame) + len(positionMember) + len(maxPosition) + len(`"`)
}

// Handover says what became of a notification that was published.
type Handover struct {
	// ID is the notification's position in the user's log.
	ID string
	// Duplicate says that the event had been kept before and nothing was sent.
	Duplicate bool
}

// Message is one frame on its way to a user's sockets.
type Message struct {
	// User is the receiver.
	User UserID
	// Payload is sent verbatim. It is shared by every socket: nobody changes it.
	Payload []byte
	// Received is when this process got it.
	Received time.Time
	// Missed tells, when it is set, that other messages since then may not have
	// come: every connection of the user is brought up to date from the user's
	// log, before any kept notification that comes after this message. Payload
	// may be empty then.
	Missed time.Time
}

// Gap is a stretch of time in which live messages for users may have been
// missed.
type Gap struct {
	// Users are those followed by this process through the broken subscription.
	Users []UserID
	// Since is the last sign of life before the break, less what a message that was
	// lost with it may have been on its way.
	Since time.Time
}
