package jwt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// maxDocument bounds the key set's document, in bytes.
const maxDocument = 1 << 20

// What can go wrong with a fetch besides the network.
var (
	errBadStatus   = errors.New("the key set's endpoint did not answer 200")
	errBigDocument = errors.New("the key set is over 1 MiB")
)

// remoteKeys is a key set that one goroutine keeps fresh; everyone else only
// reads.
type remoteKeys struct {
	config  Config
	client  *http.Client
	changed func() // called after another set has taken effect
	wanted  chan struct{}

	mu       sync.RWMutex
	set      *keySet // nil: none, or too old
	document []byte  // what set was read from
	fetched  time.Time
	tried    time.Time
	failure  error // of the last fetch
	pending  bool  // a fetch is asked for or under way
}

func newRemoteKeys(c Config, changed func()) *remoteKeys {
	return &remoteKeys{
		config: c, changed: changed, wanted: make(chan struct{}, 1),
		client: &http.Client{
			Timeout: c.JWKSTimeout,
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, ForceAttemptHTTP2: true,
				MaxResponseHeaderBytes: 64 << 10,
			},
			// A redirect could lead to plain http or to another house.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// find looks at the set in memory. An unknown id asks for a fetch, if the last
// one is older than the floor. As long as that fetch is not back, or the last
// one failed, nobody can say that the id is wrong, so the answer is that the
// keys are not loaded; otherwise the id is refused.
func (r *remoteKeys) find(kid string) ([]any, error) {
	r.mu.RLock()
	set, stale := r.set, time.Since(r.fetched) > maxStale
	r.mu.RUnlock()
	if set == nil || stale {
		return nil, notLoaded()
	}
	keys, err := set.find(kid)
	if !errors.Is(err, errUnknownKey) {
		return keys, err
	}
	if r.undecided() {
		return nil, notLoaded()
	}
	return nil, domain.TokenInvalid("key")
}

// undecided asks for a fetch where the floor allows one, and reports whether
// the set at hand may lack a key that the endpoint has.
func (r *remoteKeys) undecided() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.pending && time.Since(r.tried) >= r.config.JWKSMinInterval {
		r.pending = true
		r.wanted <- struct{}{} // has room: only the first to ask comes here
	}
	return r.pending || r.failure != nil
}

// run keeps the set fresh until ctx is done.
func (r *remoteKeys) run(ctx context.Context) {
	defer r.client.CloseIdleConnections()
	for {
		wait := time.NewTimer(r.refresh(ctx))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-r.wanted:
		case <-wait.C:
		}
		wait.Stop()
	}
}

// refresh fetches once and returns how long to wait for the next time: the
// interval after a success, the floor after a failure.
func (r *remoteKeys) refresh(ctx context.Context) time.Duration {
	r.mu.Lock()
	r.pending = true
	r.mu.Unlock()

	document, err := r.fetch(ctx)
	var set *keySet
	if err == nil {
		set, err = parseKeySet(r.config.Algorithm, document)
	}
	if r.settle(set, document, err) {
		r.changed()
	}
	if err != nil {
		return r.config.JWKSMinInterval
	}
	return max(r.config.JWKSRefreshInterval, r.config.JWKSMinInterval)
}

// settle takes a fetch's outcome in and reports whether the keys changed.
func (r *remoteKeys) settle(set *keySet, document []byte, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried, r.failure, r.pending = time.Now(), err, false
	select {
	case <-r.wanted: // asked for while the timer's fetch was under way
	default:
	}
	if err != nil {
		tooOld := r.set != nil && time.Since(r.fetched) > maxStale
		if tooOld {
			r.set, r.document = nil, nil
		}
		return tooOld
	}
	r.fetched = r.tried
	if r.set != nil && bytes.Equal(document, r.document) {
		return false
	}
	r.set, r.document = set, document
	return true
}

// fetch reads the document, within the client's time and the bound on size.
func (r *remoteKeys) fetch(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.config.JWKSURL, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, errBadStatus
	}
	document, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err == nil && len(document) > maxDocument {
		err = errBigDocument
	}
	return document, err
}

// health tells how fresh the keys are.
func (r *remoteKeys) health() domain.Health {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h := domain.Health{Name: "token_keys", Condition: domain.Healthy, Err: r.failure}
	switch {
	case r.set == nil:
		h.Condition, h.Note = domain.Unhealthy, "the key set is not loaded"
	case r.failure != nil:
		h.Condition, h.Note = domain.Degraded, "the key set cannot be refreshed; the last one is in use"
	}
	return h
}
