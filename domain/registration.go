package domain

// CourseCode names a course of the platform's schools.
type CourseCode string

// CourseCodes lists the courses, in the contract's order. The slice is the
// caller's own.
func CourseCodes() []CourseCode {
	return []CourseCode{"ENG5", "ENG6", "ENG7", "SV1", "SV2", "SV3"}
}

// Registration is what a teacher says of a batch before its essays are
// uploaded. What is nil was not said.
type Registration struct {
	// EssayCount is how many essays are expected, at least one.
	EssayCount int
	// EssayIDs are as many as EssayCount says; nil when the teacher names none.
	EssayIDs   []string
	CourseCode CourseCode
	PromptRef  *PromptRef
	ClassID    *string
	// Model and Temperature (0-2) are for comparing essays with each other.
	Model       *string
	Temperature *float64
}
