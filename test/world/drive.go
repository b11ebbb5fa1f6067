package world

import (
	"time"

	"github.com/huleedu/edge/domain"
)

// drive leads a batch through the phases of its pipeline, as the aggregator
// then reports it, and tells the teacher. It ends early when the platform
// closes.
func (p *Platform) drive(j job) {
	p.notify(j, "batch_processing_started", map[string]any{"requested_pipeline": j.Pipeline})
	for _, step := range phasesOf(j.Pipeline) {
		if p.run(j, step) != nil {
			return
		}
	}
	var status string
	p.registry.change(j.Batch, func(d *batchDocument) {
		d.finish()
		status = d.Overall
	})
	p.notify(j, "pipeline_completed", map[string]any{"completed_pipeline": j.Pipeline, "final_status": status})
	if j.Pipeline == domain.Pipeline(phaseCJ) {
		p.notify(j, "batch_assessment_completed", map[string]any{"final_status": status})
	}
	p.notify(j, "batch_results_ready", map[string]any{"overall_status": status})
	p.config.Log.Info("pipeline ended", "batch_id", string(j.Batch), "overall_status", status)
}

// run leads the batch through one phase, essay by essay.
func (p *Platform) run(j job, step phase) error {
	var essays []string
	p.registry.change(j.Batch, func(d *batchDocument) {
		d.enter(step)
		for i := range d.Essays {
			essays = append(essays, d.Essays[i].EssayID)
		}
	})
	failures := 0
	for i, essay := range essays {
		if err := p.pause(p.config.Pace / time.Duration(len(essays))); err != nil {
			return err
		}
		status := completed
		p.registry.change(j.Batch, func(d *batchDocument) {
			if i < len(d.Essays) { // the batch may have been replaced
				status = d.conclude(i, step)
			}
		})
		if status == failed {
			failures++
		}
		p.tell(j, "essay_status_updated", map[string]any{"essay_id": essay, "status": string(step) + "_" + status})
	}
	p.concluded(j, step, len(essays)-failures, failures)
	return nil
}

// concluded tells the teacher that a phase is over: directly, and on Kafka.
func (p *Platform) concluded(j job, step phase, good, bad int) {
	status := "completed_successfully"
	if bad > 0 {
		status = "completed_with_failures"
	}
	p.tell(j, "batch_phase_concluded", map[string]any{"batch_id": j.Batch, "phase": step, "status": status})
	if kind := step.notice(); kind != "" {
		p.notify(j, kind, map[string]any{"phase": step, "status": status, "success_count": good, "failure_count": bad})
	}
}

// notify asks for a notification about the job's batch; a failure is logged,
// as nobody waits for it.
func (p *Platform) notify(j job, kind string, payload map[string]any) {
	n := NoticeOf(kind)
	n.Batch, n.Payload = j.Batch, payload
	if err := p.courier.ask(j.ctx, j.User, n); err != nil {
		p.config.Log.Warn("notification not written", "type", kind, "error", err)
	}
}

// tell publishes a direct message about the job.
func (p *Platform) tell(j job, event string, data map[string]any) {
	data["timestamp"], data["correlation_id"] = time.Now().UTC().Format(time.RFC3339Nano), j.correlation
	if err := p.courier.tell(j.ctx, j.User, event, data); err != nil {
		p.config.Log.Warn("message not published", "event", event, "error", err)
	}
}
