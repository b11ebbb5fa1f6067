package memory

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// registrationTTL is the lifetime of a registration.
const registrationTTL = 24 * time.Hour

// Registrations stores the user who registered each of the newest 65,536 batches in this
// process.
type Registrations struct {
	mu      sync.Mutex
	records *simplelru.LRU[domain.BatchID, registration]
}

var _ ports.BatchRegistrations = (*Registrations)(nil)

type registration struct {
	user domain.UserID
	ends time.Time
}

// NewRegistrations returns an empty store.
func NewRegistrations() *Registrations {
	return &Registrations{records: newLRU[domain.BatchID, registration](maxRecords)}
}

// Save stores the user who registered a batch. It replaces an earlier registration.
func (r *Registrations) Save(_ context.Context, user domain.UserID, batch domain.BatchID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records.Add(batch, registration{user, time.Now().Add(registrationTTL)})
	return nil
}

// Registered reports whether the user registered the batch within the last 24 hours.
func (r *Registrations) Registered(_ context.Context, user domain.UserID, batch domain.BatchID) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, known := r.records.Get(batch)
	return known && found.user == user && time.Now().Before(found.ends), nil
}
