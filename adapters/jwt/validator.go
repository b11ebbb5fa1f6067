// Package jwt validates JSON Web Tokens. It uses jwx for cryptography and keys. It checks
// the form of a token and its claims itself, because jwx accepts tokens that the wire
// contract rejects. It exports no type of jwx.
package jwt

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// operation names Validate in logs and spans.
const operation = "jwt.Validate"

// keysName names the keys in health responses, logs and metrics.
const keysName = "token_keys"

// Validator validates tokens with one algorithm and one source of keys. It is safe for
// concurrent use and never blocks.
type Validator struct {
	config   Config
	verifier jws.Verifier
	keys     keySource
	headers  headers
	remote   *remoteKeys // nil unless the keys come from a key set
	observer ports.Observer
	// cache is replaced when keys change. Validate loads it before it loads keys, so that a
	// result of old keys is never stored in a new cache.
	cache atomic.Pointer[callerCache]
	// The facts are stored as interfaces, so that Observe does not allocate.
	cachedFact, acceptedFact, expiredFact, refusedFact domain.Fact
}

var _ ports.TokenValidator = (*Validator)(nil)

// New returns a validator. Its error joins a CONFIGURATION_ERROR for each invalid setting.
// With a key set, Validate returns SERVICE_UNAVAILABLE until Run has fetched it.
func New(c Config, observer ports.Observer, log *slog.Logger) (*Validator, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	verifier, err := jws.NewVerifier(jwa.SignatureAlgorithm(c.Algorithm))
	if err != nil {
		return nil, domain.NotStarted("token validator", err)
	}
	v := &Validator{
		config: c, verifier: verifier, observer: observer, headers: headers{algorithm: c.Algorithm},
		cachedFact:   domain.TokenChecked{Result: domain.TokenResultSuccess, Cached: true},
		acceptedFact: domain.TokenChecked{Result: domain.TokenResultSuccess},
		expiredFact:  domain.TokenChecked{Result: domain.TokenResultExpired},
		refusedFact:  domain.TokenChecked{Result: domain.TokenResultInvalid},
	}
	v.clearCache()
	if !c.symmetric() && c.JWKSURL != "" {
		state := dependency.NewTracker(dependency.Config{Name: keysName, Address: dependency.Address(c.JWKSURL)}, observer, log)
		v.remote = newRemoteKeys(c, state, observer, v.clearCache)
		v.keys = v.remote
		return v, nil
	}
	if v.keys, err = c.staticKeys(); err != nil {
		return nil, err
	}
	return v, nil
}

// Run fetches the key set until ctx is done; without a key set it only waits. It continues
// while the endpoint is unavailable. It returns nil. It must be called once.
func (v *Validator) Run(ctx context.Context) error {
	if v.remote == nil {
		<-ctx.Done()
		return nil
	}
	v.remote.run(ctx)
	return nil
}

// Health returns whether keys are loaded and whether the last fetch succeeded.
func (v *Validator) Health(context.Context) domain.Health {
	if v.remote == nil {
		return domain.Health{Name: keysName, Condition: domain.Healthy}
	}
	return v.remote.health()
}

// Validate validates a token and returns its caller. It caches valid tokens until they
// expire or the keys change.
func (v *Validator) Validate(_ context.Context, token string) (domain.Caller, error) {
	if token == "" {
		return domain.Caller{}, domain.NotAuthenticated().WithOp(operation)
	}
	if len(token) > maxToken {
		return v.observe(domain.Caller{}, domain.TokenInvalid(domain.ReasonSize))
	}
	known, of, now := v.cache.Load(), hashToken(token), time.Now()
	if caller, hit := known.Get(of); hit && now.Before(caller.Expires) {
		v.observer.Observe(v.cachedFact)
		return caller, nil
	}
	caller, err := v.verify(token, now)
	if err == nil {
		known.Add(of, caller)
	}
	return v.observe(caller, err)
}

// verify validates a token that is not cached. It checks the signature before the claims, so
// that no error depends on an unsigned payload.
func (v *Validator) verify(token string, now time.Time) (domain.Caller, error) {
	parts, err := parseCompact(token, &v.headers)
	if err != nil {
		return domain.Caller{}, err
	}
	keys, err := v.keys.find(parts.kid)
	if err != nil {
		return domain.Caller{}, err
	}
	input := []byte(parts.input)
	for _, key := range keys {
		if err = v.verifier.Verify(input, parts.signature, key); err == nil {
			v.headers.remember(parts.header, parts.kid)
			return v.config.checkClaims(parts.payload, now)
		}
	}
	return domain.Caller{}, domain.TokenInvalid(domain.ReasonSignature).WithCause(err)
}

// observe observes the result. It ignores errors other than AUTHENTICATION_ERROR.
func (v *Validator) observe(caller domain.Caller, err error) (domain.Caller, error) {
	if err == nil {
		v.observer.Observe(v.acceptedFact)
		return caller, nil
	}
	failure := domain.As(err).WithOp(operation)
	switch {
	case failure.Code != domain.AuthenticationError:
	case failure.Reason == domain.ReasonExpired:
		v.observer.Observe(v.expiredFact)
	default:
		v.observer.Observe(v.refusedFact)
	}
	return domain.Caller{}, failure
}

// clearCache deletes all cached tokens.
func (v *Validator) clearCache() { v.cache.Store(newLRU[domain.Caller](maxCached)) }
