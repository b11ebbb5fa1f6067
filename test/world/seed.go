package world

import "github.com/huleedu/edge/domain"

// Teacher is a sample user with credits, classes and batches.
type Teacher struct {
	User domain.UserID
	// Org is the organisation claim of the teacher's tokens.
	Org string
	// Credits pay for phases with a price.
	Credits int
	Classes []Class
	Batches []Batch
}

// Class is a class of a teacher.
type Class struct {
	ID, Name, CourseCode string
	Students             int
}

// SampleTeachers returns the users and batches of "edge up". Their ids are stable,
// because the documentation uses them.
func SampleTeachers() []Teacher {
	return []Teacher{
		{
			User: "teacher-anna", Org: "school-north", Credits: 500,
			Classes: []Class{
				{ID: "class-anna-7a", Name: "7A", CourseCode: "ENG7", Students: 24},
				{ID: "class-anna-6b", Name: "6B", CourseCode: "ENG6", Students: 19},
			},
			Batches: []Batch{
				{ID: "batch-anna-1", Owner: "teacher-anna", Essays: 4},
				{ID: "batch-anna-2", Owner: "teacher-anna", Essays: 5, Faulty: 1},
				{ID: "batch-anna-3", Owner: "teacher-anna", Essays: 3, Overall: awaitingContent},
				{ID: "batch-anna-4", Owner: "teacher-anna", Essays: 4, Overall: succeeded},
			},
		},
		{
			User: "teacher-bo", Org: "school-north", Credits: 500,
			Classes: []Class{{ID: "class-bo-sv1", Name: "SV1", CourseCode: "SV1", Students: 28}},
			Batches: []Batch{
				{ID: "batch-bo-1", Owner: "teacher-bo", Essays: 6},
				{ID: "batch-bo-2", Owner: "teacher-bo", Essays: 2},
			},
		},
		{
			User: "teacher-cecilia", Org: "school-south", Credits: 3,
			Classes: []Class{{ID: "class-cecilia-5c", Name: "5C", CourseCode: "ENG5", Students: 21}},
			// Enough for a spellcheck, which is free, but for no other phase.
			Batches: []Batch{{ID: "batch-cecilia-1", Owner: "teacher-cecilia", Essays: 5}},
		},
	}
}

// Seed adds teachers with their credits, classes and batches.
func (p *Platform) Seed(teachers ...Teacher) {
	for _, t := range teachers {
		p.SetCredits(t.User, t.Credits)
		for _, c := range t.Classes {
			p.AddClass(t.User, c)
		}
		for _, b := range t.Batches {
			p.AddBatch(b)
		}
	}
}
