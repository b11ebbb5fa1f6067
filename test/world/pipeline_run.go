package world

import (
	"time"

	"github.com/huleedu/edge/domain"
)

// runPipeline runs all phases of a pipeline, updates the batch and notifies its owner.
// It returns early when the platform closes.
func (p *Platform) runPipeline(j pipelineRun) {
	p.notify(j, "batch_processing_started", map[string]any{"requested_pipeline": j.Pipeline})
	for _, step := range phasesOf(j.Pipeline) {
		if p.runPhase(j, step) != nil {
			return
		}
	}
	var status string
	p.registry.update(j.Batch, func(d *batchDocument) {
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

// runPhase runs one phase for all essays. It returns errClosed when the platform closes.
func (p *Platform) runPhase(j pipelineRun, step phase) error {
	var essays []string
	p.registry.update(j.Batch, func(d *batchDocument) {
		d.startPhase(step)
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
		p.registry.update(j.Batch, func(d *batchDocument) {
			if i < len(d.Essays) { // a test may have replaced the batch
				status = d.finishEssay(i, step)
			}
		})
		if status == failed {
			failures++
		}
		p.publishDirect(j, "essay_status_updated", map[string]any{"essay_id": essay, "status": string(step) + "_" + status})
	}
	p.publishPhaseEnd(j, step, len(essays)-failures, failures)
	return nil
}

// publishPhaseEnd publishes the end of a phase on Redis and on Kafka.
func (p *Platform) publishPhaseEnd(j pipelineRun, step phase, good, bad int) {
	status := "completed_successfully"
	if bad > 0 {
		status = "completed_with_failures"
	}
	p.publishDirect(j, "batch_phase_concluded", map[string]any{"batch_id": j.Batch, "phase": step, "status": status})
	if kind := step.notificationType(); kind != "" {
		p.notify(j, kind, map[string]any{"phase": step, "status": status, "success_count": good, "failure_count": bad})
	}
}

// notify publishes a notification about the job's batch on Kafka. It logs a
// failure, because no caller waits for it.
func (p *Platform) notify(j pipelineRun, kind string, payload map[string]any) {
	n := NotificationRequestOf(kind)
	n.Batch, n.Payload = j.Batch, payload
	if err := p.notifier.publishKafka(j.ctx, j.User, n); err != nil {
		p.config.Log.Warn("publish of a notification failed", "type", kind, "error", err)
	}
}

// publishDirect publishes a direct message about the job on Redis.
func (p *Platform) publishDirect(j pipelineRun, event string, data map[string]any) {
	data["timestamp"], data["correlation_id"] = time.Now().UTC().Format(time.RFC3339Nano), j.correlation
	if err := p.notifier.publishRedis(j.ctx, j.User, event, data); err != nil {
		p.config.Log.Warn("publish of a message failed", "event", event, "error", err)
	}
}
