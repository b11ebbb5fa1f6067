package delivery

import "sync"

// workers runs jobs in the background with a limited number of goroutines, which exist
// only while there are jobs. The admission counts the jobs, so that a drain awaits
// them.
type workers struct {
	admission *Admission
	limit     int

	mu      sync.Mutex
	jobs    []func()
	running int
}

// submit queues a job. It does not block.
func (w *workers) submit(job func()) {
	w.admission.BeginWork()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs = append(w.jobs, job)
	if w.running < w.limit {
		w.running++
		go w.run()
	}
}

// run executes jobs until none is queued.
func (w *workers) run() {
	for job := w.next(); job != nil; job = w.next() {
		job()
		w.admission.EndWork()
	}
}

// next returns the next job; nil when none is queued, which ends the goroutine.
func (w *workers) next() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.jobs) == 0 {
		w.jobs = nil
		w.running--
		return nil
	}
	job := w.jobs[0]
	w.jobs[0] = nil
	w.jobs = w.jobs[1:]
	return job
}
