package memory

import (
	"context"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// registrationTTL is the lifetime of a registration.
const registrationTTL = 24 * time.Hour

// Registrations stores the user who registered each batch in this process. It deletes
// expired registrations when their number has doubled.
type Registrations struct {
	mu        sync.Mutex
	records   map[domain.BatchID]registration
	cleanupAt int
}

var _ ports.BatchRegistrations = (*Registrations)(nil)

type registration struct {
	user domain.UserID
	ends time.Time
}

// NewRegistrations returns an empty store.
func NewRegistrations() *Registrations {
	const cleanupFirst = 1024
	return &Registrations{records: map[domain.BatchID]registration{}, cleanupAt: cleanupFirst}
}

// Save stores the user who registered a batch. It replaces an earlier registration.
func (r *Registrations) Save(_ context.Context, user domain.UserID, batch domain.BatchID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanup()
	r.records[batch] = registration{user, time.Now().Add(registrationTTL)}
	return nil
}

// Registered reports whether the user registered the batch within the last 24 hours.
func (r *Registrations) Registered(_ context.Context, user domain.UserID, batch domain.BatchID) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, known := r.records[batch]
	return known && found.user == user && time.Now().Before(found.ends), nil
}

func (r *Registrations) cleanup() {
	if len(r.records) < r.cleanupAt {
		return
	}
	now := time.Now()
	for batch, found := range r.records {
		if !now.Before(found.ends) {
			delete(r.records, batch)
		}
	}
	r.cleanupAt = 2*len(r.records) + r.cleanupAt/2
}
