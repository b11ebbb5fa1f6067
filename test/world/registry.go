package world

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"

	"github.com/huleedu/edge/domain"
)

// registry is the platform's memory.
type registry struct {
	mu       sync.Mutex
	batches  map[domain.BatchID]*batchDocument
	order    []domain.BatchID
	credits  map[domain.UserID]int
	verdicts map[domain.BatchID]PreflightAnswer
	fixed    *PreflightAnswer
	events   map[string]bool // ids of the commands that were taken
	serial   int
}

// defaultCredits is what a teacher has whom nobody gave any.
const defaultCredits = 1000

func newRegistry() *registry {
	return &registry{
		batches: map[domain.BatchID]*batchDocument{}, credits: map[domain.UserID]int{},
		verdicts: map[domain.BatchID]PreflightAnswer{}, events: map[string]bool{},
	}
}

// Put makes a batch known, or replaces it.
func (p *Platform) Put(b Batch) { p.registry.put(newDocument(b)) }

// Grant sets how many credits a teacher has.
func (p *Platform) Grant(user domain.UserID, credits int) {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	p.registry.credits[user] = credits
}

func (r *registry) put(d *batchDocument) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.batches[d.BatchID]; !known {
		r.order = append(r.order, d.BatchID)
	}
	r.batches[d.BatchID] = d
}

// change runs do on a batch while nobody else looks at it; false: there is no
// such batch.
func (r *registry) change(id domain.BatchID, do func(*batchDocument)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, known := r.batches[id]
	if known {
		do(d)
	}
	return known
}

// look returns a batch as JSON.
func (r *registry) look(id domain.BatchID) (document json.RawMessage, known bool) {
	known = r.change(id, func(d *batchDocument) { document = d.encode() })
	return document, known
}

// list returns a page of a user's batches, the oldest first, and how many
// match in all.
func (r *registry) list(user domain.UserID, status string, limit, offset int) (page []json.RawMessage, total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	page = []json.RawMessage{}
	for _, id := range r.order {
		d := r.batches[id]
		if d.UserID != user || (status != "" && d.Overall != status) {
			continue
		}
		total++
		if total > offset && len(page) < limit {
			page = append(page, d.encode())
		}
	}
	return page, total
}

// newID names a batch that is registered.
func (r *registry) newID() domain.BatchID {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serial++
	return domain.BatchID("batch-registered-" + strconv.Itoa(r.serial))
}

// first reports whether an event is new, and remembers it.
func (r *registry) first(event string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.events[event]
	r.events[event] = true
	return !seen
}

// available returns a teacher's credits; the lock is held.
func (r *registry) available(user domain.UserID) int {
	if credits, known := r.credits[user]; known {
		return credits
	}
	return defaultCredits
}

// Owner returns whose batch it is; empty: there is no such batch.
func (p *Platform) Owner(id domain.BatchID) (owner domain.UserID) {
	p.registry.change(id, func(d *batchDocument) { owner = d.UserID })
	return owner
}

// Prompt returns which prompt a batch answers, as JSON.
func (p *Platform) Prompt(id domain.BatchID) (prompt string) {
	p.registry.change(id, func(d *batchDocument) { prompt = string(d.PromptRef) })
	return prompt
}

// ready reports whether a pipeline may run on a batch in its state.
func (d *batchDocument) ready() bool {
	return !slices.Contains([]string{awaitingContent, running}, d.Overall)
}

func (d *batchDocument) encode() json.RawMessage {
	document, err := json.Marshal(d)
	if err != nil { // it holds nothing that JSON cannot write
		return json.RawMessage("null")
	}
	return document
}
