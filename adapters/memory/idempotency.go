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
	answerLife = 24 * time.Hour
	claimLife  = time.Minute + 30*time.Second
)

// Idempotency keeps the answers of requests that may be repeated, for one
// process. It forgets what has ended whenever it has doubled.
type Idempotency struct {
	mu      sync.Mutex
	held    map[domain.IdempotencyKey]*holding
	tickets int
	tidyAt  int
}

var _ ports.Idempotency = (*Idempotency)(nil)

// holding is what a key holds: a running request until it has an answer.
type holding struct {
	ticket, digest string
	answer         []byte // nil while the request runs
	ends           time.Time
}

// NewIdempotency returns an empty store.
func NewIdempotency() *Idempotency {
	const tidyFirst = 1024
	return &Idempotency{held: map[domain.IdempotencyKey]*holding{}, tidyAt: tidyFirst}
}

// Claim asks for the key.
func (i *Idempotency) Claim(_ context.Context, key domain.IdempotencyKey, digest string) (domain.Claim, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch h := i.find(key); {
	case h == nil:
		i.tidy()
		i.tickets++
		ticket := strconv.Itoa(i.tickets) + " " + digest
		i.held[key] = &holding{ticket: ticket, digest: digest, ends: time.Now().Add(claimLife)}
		return domain.Claim{State: domain.Claimed, Ticket: ticket}, nil
	case h.answer == nil:
		return domain.Claim{State: domain.Running}, nil
	case h.digest != digest:
		return domain.Claim{State: domain.Mismatched}, nil
	default:
		return domain.Claim{State: domain.Answered, Answer: bytes.Clone(h.answer)}, nil
	}
}

// Confirm stores the answer.
func (i *Idempotency) Confirm(_ context.Context, key domain.IdempotencyKey, ticket string, answer []byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if h := i.find(key); h != nil && h.ticket != ticket {
		return nil
	}
	_, digest, _ := bytes.Cut([]byte(ticket), []byte(" "))
	stored := append([]byte{}, answer...) // never nil
	i.held[key] = &holding{digest: string(digest), answer: stored, ends: time.Now().Add(answerLife)}
	return nil
}

// Release frees the key.
func (i *Idempotency) Release(_ context.Context, key domain.IdempotencyKey, ticket string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if h := i.find(key); h != nil && h.ticket == ticket {
		delete(i.held, key)
	}
	return nil
}

func (i *Idempotency) find(key domain.IdempotencyKey) *holding {
	if h := i.held[key]; h != nil && time.Now().Before(h.ends) {
		return h
	}
	return nil
}

func (i *Idempotency) tidy() {
	if len(i.held) < i.tidyAt {
		return
	}
	for key := range i.held {
		if i.find(key) == nil {
			delete(i.held, key)
		}
	}
	i.tidyAt = 2*len(i.held) + i.tidyAt/2
}
