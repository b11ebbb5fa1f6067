package memory

import (
	"context"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// registrationLife is how long a registration is kept.
const registrationLife = 24 * time.Hour

// Registrations keeps who registered which batch, for one process. It drops what
// has expired whenever it has doubled.
type Registrations struct {
	mu     sync.Mutex
	kept   map[domain.BatchID]registration
	tidyAt int
}

var _ ports.BatchRegistrations = (*Registrations)(nil)

type registration struct {
	user domain.UserID
	ends time.Time
}

// NewRegistrations returns an empty store.
func NewRegistrations() *Registrations {
	const tidyFirst = 1024
	return &Registrations{kept: map[domain.BatchID]registration{}, tidyAt: tidyFirst}
}

// Save keeps the registration.
func (r *Registrations) Save(_ context.Context, user domain.UserID, batch domain.BatchID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tidy()
	r.kept[batch] = registration{user, time.Now().Add(registrationLife)}
	return nil
}

// Registered looks the batch up.
func (r *Registrations) Registered(_ context.Context, user domain.UserID, batch domain.BatchID) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, known := r.kept[batch]
	return known && found.user == user && time.Now().Before(found.ends), nil
}

func (r *Registrations) tidy() {
	if len(r.kept) < r.tidyAt {
		return
	}
	now := time.Now()
	for batch, found := range r.kept {
		if !now.Before(found.ends) {
			delete(r.kept, batch)
		}
	}
	r.tidyAt = 2*len(r.kept) + r.tidyAt/2
}
