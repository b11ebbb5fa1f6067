package world

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"

	"github.com/huleedu/edge/domain"
)

// registry holds the platform's batches, credits and fixed responses.
type registry struct {
	mu         sync.Mutex
	batches    map[domain.BatchID]*batchDocument
	order      []domain.BatchID
	credits    map[domain.UserID]int
	preflights map[domain.BatchID]FixedResponse
	fixed      *FixedResponse
	events     map[string]bool // ids of the accepted commands
	serial     int
}

// defaultCredits is the number of credits of a teacher without a grant.
const defaultCredits = 1000

func newRegistry() *registry {
	return &registry{
		batches: map[domain.BatchID]*batchDocument{}, credits: map[domain.UserID]int{},
		preflights: map[domain.BatchID]FixedResponse{}, events: map[string]bool{},
	}
}

// AddBatch adds or replaces a batch.
func (p *Platform) AddBatch(b Batch) { p.registry.put(newDocument(b)) }

// SetCredits sets the credits of a teacher.
func (p *Platform) SetCredits(user domain.UserID, credits int) {
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

// update calls do with a batch while it holds the lock. It returns false if the
// batch does not exist.
func (r *registry) update(id domain.BatchID, do func(*batchDocument)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, known := r.batches[id]
	if known {
		do(d)
	}
	return known
}

// encoded returns a batch as JSON.
func (r *registry) encoded(id domain.BatchID) (document json.RawMessage, known bool) {
	known = r.update(id, func(d *batchDocument) { document = d.encode() })
	return document, known
}

// list returns a page of a user's batches, oldest first, and the total number.
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

// newID returns a new batch id.
func (r *registry) newID() domain.BatchID {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serial++
	return domain.BatchID("batch-registered-" + strconv.Itoa(r.serial))
}

// markEvent stores an event id. It returns false if the id was stored before.
func (r *registry) markEvent(event string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.events[event]
	r.events[event] = true
	return !seen
}

// available returns a teacher's credits. The caller holds the lock.
func (r *registry) available(user domain.UserID) int {
	if credits, known := r.credits[user]; known {
		return credits
	}
	return defaultCredits
}

// Owner returns the owner of a batch, or an empty id if the batch does not exist.
func (p *Platform) Owner(id domain.BatchID) (owner domain.UserID) {
	p.registry.update(id, func(d *batchDocument) { owner = d.UserID })
	return owner
}

// Prompt returns the prompt reference of a batch as JSON.
func (p *Platform) Prompt(id domain.BatchID) (prompt string) {
	p.registry.update(id, func(d *batchDocument) { prompt = string(d.PromptRef) })
	return prompt
}

// ready reports whether a pipeline may start in the batch's status.
func (d *batchDocument) ready() bool {
	return !slices.Contains([]string{awaitingContent, running}, d.Overall)
}

func (d *batchDocument) encode() json.RawMessage {
	document, err := json.Marshal(d)
	if err != nil { // cannot happen: all fields are encodable
		return json.RawMessage("null")
	}
	return document
}
