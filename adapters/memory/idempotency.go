package memory

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	responseTTL = 24 * time.Hour
	claimTTL    = time.Minute + 30*time.Second
)

// Idempotency stores the responses of idempotent requests in this process. It deletes
// expired records when their number has doubled.
type Idempotency struct {
	mu        sync.Mutex
	records   map[domain.IdempotencyKey]*record
	tickets   int
	cleanupAt int
}

var _ ports.Idempotency = (*Idempotency)(nil)

// record is the record of a key.
type record struct {
	ticket, digest string
	answer         []byte // nil while the request runs
	ends           time.Time
}

// NewIdempotency returns an empty store.
func NewIdempotency() *Idempotency {
	const tidyFirst = 1024
	return &Idempotency{records: map[domain.IdempotencyKey]*record{}, cleanupAt: tidyFirst}
}

// Claim claims a key for a request with the digest.
func (i *Idempotency) Claim(_ context.Context, key domain.IdempotencyKey, digest string) (domain.Claim, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch h := i.find(key); {
	case h == nil:
		i.cleanup()
		i.tickets++
		ticket := strconv.Itoa(i.tickets) + " " + digest
		i.records[key] = &record{ticket: ticket, digest: digest, ends: time.Now().Add(claimTTL)}
		return domain.Claim{State: domain.Claimed, Ticket: ticket}, nil
	case h.answer == nil:
		return domain.Claim{State: domain.Running}, nil
	case h.digest != digest:
		return domain.Claim{State: domain.Mismatched}, nil
	default:
		return domain.Claim{State: domain.Completed, Response: bytes.Clone(h.answer)}, nil
	}
}

// Confirm stores the response of a claimed key.
func (i *Idempotency) Confirm(_ context.Context, key domain.IdempotencyKey, ticket string, answer []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if h := i.find(key); h != nil && h.ticket != ticket {
		return nil
	}
	_, digest, _ := bytes.Cut([]byte(ticket), []byte(" "))
	stored := append([]byte{}, answer...) // a nil response would mean that the request is running
	i.records[key] = &record{digest: string(digest), answer: stored, ends: time.Now().Add(responseTTL)}
	return nil
}

// Release frees a claimed key without a response.
func (i *Idempotency) Release(_ context.Context, key domain.IdempotencyKey, ticket string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if h := i.find(key); h != nil && h.ticket == ticket {
		delete(i.records, key)
	}
	return nil
}

func (i *Idempotency) find(key domain.IdempotencyKey) *record {
	if h := i.records[key]; h != nil && time.Now().Before(h.ends) {
		return h
	}
	return nil
}

func (i *Idempotency) cleanup() {
	if len(i.records) < i.cleanupAt {
		return
	}
	for key := range i.records {
		if i.find(key) == nil {
			delete(i.records, key)
		}
	}
	i.cleanupAt = 2*len(i.records) + i.cleanupAt/2
}
