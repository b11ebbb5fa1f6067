package memory

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// responseTTL is how long a response is stored.
	responseTTL = 24 * time.Hour
	// claimTTL is how long a claim is valid that is neither confirmed nor released.
	claimTTL = 90 * time.Second
)

// Idempotency stores the responses of idempotent requests in this process, of the newest
// 65,536 keys.
type Idempotency struct {
	mu      sync.Mutex
	records *simplelru.LRU[domain.IdempotencyKey, *record]
	tickets int
}

var _ ports.Idempotency = (*Idempotency)(nil)

// record is a claim, or the response of the request that claimed the key.
type record struct {
	ticket, digest string
	response       []byte // nil while the request runs
	ends           time.Time
}

// NewIdempotency returns an empty store.
func NewIdempotency() *Idempotency {
	return &Idempotency{records: newLRU[domain.IdempotencyKey, *record](maxRecords)}
}

// Claim claims a key for a request with the digest.
func (i *Idempotency) Claim(_ context.Context, key domain.IdempotencyKey, digest string) (domain.Claim, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch r := i.find(key); {
	case r == nil:
		i.tickets++
		ticket := strconv.Itoa(i.tickets) + " " + digest
		i.records.Add(key, &record{ticket: ticket, digest: digest, ends: time.Now().Add(claimTTL)})
		return domain.Claim{State: domain.Claimed, Ticket: ticket}, nil
	case r.response == nil:
		return domain.Claim{State: domain.Running}, nil
	case r.digest != digest:
		return domain.Claim{State: domain.Mismatched}, nil
	default:
		return domain.Claim{State: domain.Completed, Response: bytes.Clone(r.response)}, nil
	}
}

// Confirm stores the response of a claimed key.
func (i *Idempotency) Confirm(_ context.Context, key domain.IdempotencyKey, ticket string, response []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.find(key); r != nil && r.ticket != ticket {
		return nil
	}
	_, digest, _ := bytes.Cut([]byte(ticket), []byte(" "))
	stored := append([]byte{}, response...) // a nil response would mean that the request is running
	i.records.Add(key, &record{digest: string(digest), response: stored, ends: time.Now().Add(responseTTL)})
	return nil
}

// Release frees a claimed key without a response.
func (i *Idempotency) Release(_ context.Context, key domain.IdempotencyKey, ticket string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.find(key); r != nil && r.ticket == ticket {
		i.records.Remove(key)
	}
	return nil
}

// find returns the record of a key, or nil if it does not exist or has expired.
func (i *Idempotency) find(key domain.IdempotencyKey) *record {
	if r, known := i.records.Get(key); known && time.Now().Before(r.ends) {
		return r
	}
	return nil
}
