package world

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/huleedu/edge/domain"
)

// Batch describes a batch to add to the platform.
type Batch struct {
	ID    domain.BatchID
	Owner domain.UserID
	// Overall is the status in the platform's words. Empty means ready for a
	// pipeline.
	Overall string
	// Essays is the number of essays. The last Faulty of them fail the spellcheck.
	Essays, Faulty int
}

// The platform's batch statuses.
const (
	awaitingContent  = "awaiting_content_validation"
	readyToRun       = "ready_for_pipeline_execution"
	running          = "processing_pipelines"
	succeeded        = "completed_successfully"
	succeededPartly  = "completed_with_failures"
	failedCritically = "failed_critically"
)

// The statuses of one essay in one phase.
const (
	inProgress = "in_progress"
	completed  = "completed"
	failed     = "failed"
)

// batchDocument is a batch in the result aggregator's format. All keys are
// always present.
type batchDocument struct {
	BatchID      domain.BatchID  `json:"batch_id"`
	UserID       domain.UserID   `json:"user_id"`
	AssignmentID *string         `json:"assignment_id"`
	Overall      string          `json:"overall_status"`
	EssayCount   int             `json:"essay_count"`
	Completed    int             `json:"completed_essay_count"`
	Failed       int             `json:"failed_essay_count"`
	Pipeline     *string         `json:"requested_pipeline"`
	Phase        *string         `json:"current_phase"`
	Essays       []essayDocument `json:"essays"`
	CreatedAt    string          `json:"created_at"`
	LastUpdated  string          `json:"last_updated"`
	StartedAt    *string         `json:"processing_started_at"`
	CompletedAt  *string         `json:"processing_completed_at"`
	PromptRef    json.RawMessage `json:"student_prompt_ref"`

	faulty int
}

// essayDocument is one essay in a batchDocument.
type essayDocument struct {
	EssayID         string      `json:"essay_id"`
	Filename        string      `json:"filename"`
	FileUploadID    string      `json:"file_upload_id"`
	SpellStatus     *string     `json:"spellcheck_status"`
	Corrections     *int        `json:"spellcheck_correction_count"`
	CorrectedText   *string     `json:"spellcheck_corrected_text_storage_id"`
	SpellError      *essayError `json:"spellcheck_error_detail"`
	CJStatus        *string     `json:"cj_assessment_status"`
	CJRank          *int        `json:"cj_rank"`
	CJScore         *float64    `json:"cj_score"`
	CJError         *essayError `json:"cj_assessment_error_detail"`
	EssayLastUpdate string      `json:"last_updated"`
}

// essayError is the error of a phase for one essay.
type essayError struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

// newDocument returns the initial document of a batch. The essays of a completed
// batch are spellchecked.
func newDocument(b Batch) *batchDocument {
	now := formatTime(time.Now())
	d := &batchDocument{
		BatchID: b.ID, UserID: b.Owner, Overall: b.Overall, EssayCount: b.Essays, faulty: b.Faulty,
		Essays: make([]essayDocument, 0, b.Essays), CreatedAt: now, LastUpdated: now,
	}
	if d.Overall == "" {
		d.Overall = readyToRun
	}
	for i := range b.Essays {
		d.Essays = append(d.Essays, essayDocument{
			EssayID: fmt.Sprintf("%s-essay-%d", b.ID, i+1), Filename: fmt.Sprintf("essay-%02d.docx", i+1),
			FileUploadID: fmt.Sprintf("%s-upload-%d", b.ID, i+1), EssayLastUpdate: now,
		})
	}
	if d.Overall == succeeded || d.Overall == succeededPartly {
		d.start("spellcheck")
		for i := range d.Essays {
			d.finishEssay(i, phaseSpellcheck)
		}
		d.finish()
		d.Overall = b.Overall // finish may have set another status
	}
	return d
}

// start sets the status of a batch whose pipeline starts.
func (d *batchDocument) start(pipeline domain.Pipeline) {
	now := formatTime(time.Now())
	d.Overall, d.Pipeline, d.StartedAt, d.CompletedAt = running, new(string(pipeline)), &now, nil
	d.Completed, d.Failed, d.LastUpdated = 0, 0, now
}

// startPhase starts a phase for all essays.
func (d *batchDocument) startPhase(p phase) {
	d.Phase, d.LastUpdated = new(string(p)), formatTime(time.Now())
	for i := range d.Essays {
		if status := d.Essays[i].status(p); status != nil && !d.excluded(i) {
			*status = new(inProgress)
		}
	}
}

// finishEssay ends a phase for one essay and returns the essay's status.
func (d *batchDocument) finishEssay(i int, p phase) string {
	e, now := &d.Essays[i], formatTime(time.Now())
	e.EssayLastUpdate, d.LastUpdated = now, now
	if d.excluded(i) {
		e.SpellStatus = new(failed)
		e.SpellError = &essayError{Code: "SPELLCHECK_SERVICE_ERROR", Message: "The text could not be read"}
		return failed
	}
	if status := e.status(p); status != nil {
		*status = new(completed)
	}
	switch p {
	case phaseSpellcheck:
		e.Corrections, e.CorrectedText = new(3*i+2), new(e.EssayID+"-corrected")
	case phaseCJ:
		e.CJRank, e.CJScore = new(i+1), new(1-float64(i)/float64(len(d.Essays)))
	}
	return completed
}

// finish sets the final status of the batch.
func (d *batchDocument) finish() {
	now := formatTime(time.Now())
	d.Phase, d.CompletedAt, d.LastUpdated = nil, &now, now
	d.Failed = min(d.faulty, d.EssayCount)
	d.Completed = d.EssayCount - d.Failed
	switch d.Failed {
	case 0:
		d.Overall = succeeded
	case d.EssayCount:
		d.Overall = failedCritically
	default:
		d.Overall = succeededPartly
	}
}

// excluded reports whether an essay fails the spellcheck. Such an essay takes no part
// in later phases.
func (d *batchDocument) excluded(i int) bool { return i >= len(d.Essays)-d.faulty }

// status returns the field with the essay's status in a phase. It returns nil for
// a phase that the aggregator does not report.
func (e *essayDocument) status(p phase) **string {
	switch p {
	case phaseSpellcheck:
		return &e.SpellStatus
	case phaseCJ:
		return &e.CJStatus
	default:
		return nil
	}
}

// formatTime formats a time like the platform's databases: UTC without a zone.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
