package domain

// CourseCode identifies a course.
type CourseCode string

// CourseCodes lists the courses, in the contract's order. It returns a new slice.
func CourseCodes() []CourseCode {
	return []CourseCode{"ENG5", "ENG6", "ENG7", "SV1", "SV2", "SV3"}
}

// Registration describes a batch before its essays are uploaded. A nil field was
// not given.
type Registration struct {
	// EssayCount is the number of expected essays, at least one.
	EssayCount int
	// EssayIDs has EssayCount elements, or is nil.
	EssayIDs   []string
	CourseCode CourseCode
	PromptRef  *PromptRef
	ClassID    *string
	// Model and Temperature (0-2) are settings of the comparative judgement.
	Model       *string
	Temperature *float64
}
