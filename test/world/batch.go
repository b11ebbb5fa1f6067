package world

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/huleedu/edge/domain"
)

// Batch is what to tell the platform of a batch.
type Batch struct {
	ID    domain.BatchID
	Owner domain.UserID
	// Overall is the platform's word for the state; empty means that it is ready
	// for a pipeline.
	Overall string
	// Essays is how many there are, the last Faulty of which fail the
	// spellcheck.
	Essays, Faulty int
}

// The platform's words for the states that a run leads through.
const (
	awaitingContent = "awaiting_content_validation"
	readyToRun      = "ready_for_pipeline_execution"
	running         = "processing_pipelines"
	succeeded       = "completed_successfully"
	succeededPartly = "completed_with_failures"
	failedWholly    = "failed_critically"
)

// The words for the state of one essay in one phase.
const (
	inProgress = "in_progress"
	completed  = "completed"
	failed     = "failed"
)

// batchDocument is a batch as the result aggregator writes it; every key is
// always there.
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

// essayDocument is one essay of a batch.
type essayDocument struct {
	EssayID         string       `json:"essay_id"`
	Filename        string       `json:"filename"`
	FileUploadID    string       `json:"file_upload_id"`
	SpellStatus     *string      `json:"spellcheck_status"`
	Corrections     *int         `json:"spellcheck_correction_count"`
	CorrectedText   *string      `json:"spellcheck_corrected_text_storage_id"`
	SpellError      *essayFailed `json:"spellcheck_error_detail"`
	CJStatus        *string      `json:"cj_assessment_status"`
	CJRank          *int         `json:"cj_rank"`
	CJScore         *float64     `json:"cj_score"`
	CJError         *essayFailed `json:"cj_assessment_error_detail"`
	EssayLastUpdate string       `json:"last_updated"`
}

// essayFailed says why a phase failed on an essay.
type essayFailed struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`
}

// newDocument is a batch as the aggregator first sees it. A batch that is
// told to be completed has its essays spellchecked.
func newDocument(b Batch) *batchDocument {
	now := stamp(time.Now())
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
			d.conclude(i, phaseSpellcheck)
		}
		d.finish()
		d.Overall = b.Overall // also where no essay is faulty
	}
	return d
}

// start marks the batch as taken up by a pipeline.
func (d *batchDocument) start(pipeline domain.Pipeline) {
	now := stamp(time.Now())
	d.Overall, d.Pipeline, d.StartedAt, d.CompletedAt = running, new(string(pipeline)), &now, nil
	d.Completed, d.Failed, d.LastUpdated = 0, 0, now
}

// enter moves the batch into a phase.
func (d *batchDocument) enter(p phase) {
	d.Phase, d.LastUpdated = new(string(p)), stamp(time.Now())
	for i := range d.Essays {
		if status := d.Essays[i].status(p); status != nil && !d.out(i) {
			*status = new(inProgress)
		}
	}
}

// conclude ends a phase for one essay and returns how it ended.
func (d *batchDocument) conclude(i int, p phase) string {
	e, now := &d.Essays[i], stamp(time.Now())
	e.EssayLastUpdate, d.LastUpdated = now, now
	if d.out(i) {
		e.SpellStatus = new(failed)
		e.SpellError = &essayFailed{Code: "SPELLCHECK_SERVICE_ERROR", Message: "The text could not be read"}
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

// finish ends the run.
func (d *batchDocument) finish() {
	now := stamp(time.Now())
	d.Phase, d.CompletedAt, d.LastUpdated = nil, &now, now
	d.Failed = min(d.faulty, d.EssayCount)
	d.Completed = d.EssayCount - d.Failed
	switch d.Failed {
	case 0:
		d.Overall = succeeded
	case d.EssayCount:
		d.Overall = failedWholly
	default:
		d.Overall = succeededPartly
	}
}

// out reports whether an essay fails the spellcheck, and is left out of the
// phases behind it.
func (d *batchDocument) out(i int) bool { return i >= len(d.Essays)-d.faulty }

// status is where an essay keeps its state in a phase; nil for phases of which
// the aggregator keeps none.
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

// stamp is a time as the platform's databases write it: UTC, without a zone.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
