package jwt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// maxDocument is the maximum size of a key set in bytes.
const maxDocument = 1 << 20

var (
	// errBadStatus is the error of a fetch whose response has not status 200.
	errBadStatus = errors.New("the response for the key set has not status 200")
	// errBigDocument is the error of a fetch whose response is over maxDocument.
	errBigDocument = errors.New("the key set is over 1 MiB")
)

// remoteKeys is a key set that one goroutine fetches. All other goroutines only read it.
type remoteKeys struct {
	config         Config
	client         *http.Client
	state          *dependency.Tracker
	observer       ports.Observer
	changed        func()        // called after the set has changed
	fetchRequested chan struct{} // holds one request for a fetch
	unknown        unknownKeys

	mu           sync.RWMutex
	set          *keySet // nil: not loaded, or too old
	document     []byte  // the document of set
	fetched      time.Time
	fetchStarted time.Time // when the last successful fetch began
	lastAttempt  time.Time
	failure      error // of the last fetch
}

func newRemoteKeys(c Config, state *dependency.Tracker, o ports.Observer, changed func()) *remoteKeys {
	o.Observe(domain.KeySetFetched{})
	return &remoteKeys{
		config: c, state: state, observer: o, changed: changed, fetchRequested: make(chan struct{}, 1),
		unknown: unknownKeys{newLRU[time.Time](maxUnknown)},
		client: &http.Client{
			Timeout: c.JWKSTimeout,
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, ForceAttemptHTTP2: true,
				MaxResponseHeaderBytes: 64 << 10,
			},
			// A redirect could lead to plain http or to another organisation.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// find returns the keys of an id from the set in memory. An unknown id requests a fetch,
// which runs after find has returned. find returns SERVICE_UNAVAILABLE for the id until a fetch has
// succeeded that began after the id was first seen, and then AUTHENTICATION_ERROR with the
// cause "key".
func (r *remoteKeys) find(kid string) ([]any, error) {
	r.mu.RLock()
	set, stale, began, tried := r.set, time.Since(r.fetched) > maxStale, r.fetchStarted, r.lastAttempt
	r.mu.RUnlock()
	if set == nil || stale {
		return nil, notLoaded()
	}
	keys, err := set.find(kid)
	if !errors.Is(err, errUnknownKey) {
		return keys, err
	}
	// The time is stored before the request, so that the requested fetch begins later.
	first := r.unknown.firstSeen(kid, time.Now())
	select {
	case r.fetchRequested <- struct{}{}:
	default: // a fetch is already requested
	}
	if !began.Before(first) {
		return nil, domain.TokenInvalid(domain.ReasonKey)
	}
	return nil, notLoadedFor(time.Until(tried.Add(r.config.JWKSMinInterval)))
}

// run fetches the set until ctx is done, regularly and on request. A requested fetch begins
// at once, or when the minimum interval has passed.
func (r *remoteKeys) run(ctx context.Context) {
	defer r.client.CloseIdleConnections()
	for ctx.Err() == nil {
		r.await(ctx, r.refresh(ctx))
	}
}

// await waits for the given time. It returns earlier if a fetch is requested and the minimum
// interval has passed, or if ctx is done.
func (r *remoteKeys) await(ctx context.Context, wait time.Duration) {
	regular, floor := time.NewTimer(wait), time.NewTimer(r.config.JWKSMinInterval)
	defer regular.Stop()
	defer floor.Stop()
	select {
	case <-ctx.Done():
		return
	case <-regular.C:
		return
	case <-floor.C:
	}
	select {
	case <-ctx.Done():
	case <-regular.C:
	case <-r.fetchRequested:
	}
}

// refresh fetches once and returns the time until the next fetch: the refresh interval after
// a success, the minimum interval after a failure.
func (r *remoteKeys) refresh(ctx context.Context) time.Duration {
	select {
	case <-r.fetchRequested: // this is the requested fetch
	default:
	}
	began := time.Now()
	document, err := r.fetch(ctx)
	var set *keySet
	if err == nil {
		set, err = parseKeySet(r.config.Algorithm, document)
	}
	if ctx.Err() == nil {
		r.state.Report(err)
	}
	if r.store(set, document, began, err) {
		r.changed()
	}
	if err != nil {
		return r.config.JWKSMinInterval
	}
	r.observer.Observe(domain.KeySetFetched{At: time.Now()})
	return max(r.config.JWKSRefreshInterval, r.config.JWKSMinInterval)
}

// store stores the result of a fetch and reports whether the keys have changed.
func (r *remoteKeys) store(set *keySet, document []byte, began time.Time, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastAttempt, r.failure = time.Now(), err
	if err != nil {
		tooOld := r.set != nil && time.Since(r.fetched) > maxStale
		if tooOld {
			r.set, r.document = nil, nil
		}
		return tooOld
	}
	r.fetched, r.fetchStarted = r.lastAttempt, began
	if r.set != nil && bytes.Equal(document, r.document) {
		return false
	}
	r.set, r.document = set, document
	return true
}

// fetch fetches the document. The client's timeout and maxDocument limit it.
func (r *remoteKeys) fetch(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.config.JWKSURL, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := r.client.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // the address may hold credentials
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, errBadStatus
	}
	document, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err == nil && len(document) > maxDocument {
		err = errBigDocument
	}
	return document, err
}

// health returns unhealthy without keys, and degraded if the last fetch failed.
func (r *remoteKeys) health() domain.Health {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h := domain.Health{Name: keysName, Condition: domain.Healthy, Err: r.failure}
	switch {
	case r.set == nil:
		h.Condition, h.Note = domain.Unhealthy, "the key set is not loaded"
	case r.failure != nil:
		h.Condition, h.Note = domain.Degraded, "the key set cannot be refreshed; the last one is in use"
	}
	return h
}
