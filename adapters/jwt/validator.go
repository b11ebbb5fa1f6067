// Package jwt decides who holds a JSON Web Token. jwx does the cryptography and
// reads keys; the form of a token and its claims are judged here, because jwx
// lets much through that the contract refuses. No type of jwx leaves the
// package.
package jwt

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// operation names Validate in logs and spans.
const operation = "jwt.Validate"

// Validator judges tokens by one algorithm and one source of keys. It is safe
// for any number of callers and never waits.
type Validator struct {
	config   Config
	verifier jws.Verifier
	keys     keySource
	headers  headers
	remote   *remoteKeys // nil unless the keys come from a key set
	observer ports.Observer
	// cache is replaced as a whole when keys change. Validate takes it before
	// it takes keys, so that a verdict by old keys cannot enter a new cache.
	cache atomic.Pointer[cache]
	// The facts are kept as interfaces, so that observing one costs no memory.
	cachedFact, acceptedFact, expiredFact, refusedFact domain.Fact
}

var _ ports.TokenValidator = (*Validator)(nil)

// New returns a validator. Its error joins everything that keeps the settings
// from being used, as CONFIGURATION_ERROR. With a key set the validator knows
// no keys, and answers SERVICE_UNAVAILABLE, until Run has fetched it.
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
		cachedFact:   domain.TokenChecked{Result: domain.TokenAccepted, Cached: true},
		acceptedFact: domain.TokenChecked{Result: domain.TokenAccepted},
		expiredFact:  domain.TokenChecked{Result: domain.TokenTooOld},
		refusedFact:  domain.TokenChecked{Result: domain.TokenRefused},
	}
	v.clearCache()
	if !c.symmetric() && c.JWKSURL != "" {
		v.remote = newRemoteKeys(c, log, v.clearCache)
		v.keys = v.remote
		return v, nil
	}
	key, err := c.staticKey()
	if err != nil {
		return nil, err
	}
	v.keys = fixedKey{key}
	return v, nil
}

// Run keeps the key set fresh until ctx is done; without one it only waits. An
// endpoint that is away never ends it. It returns nil. Run it once.
func (v *Validator) Run(ctx context.Context) error {
	if v.remote == nil {
		<-ctx.Done()
		return nil
	}
	v.remote.run(ctx)
	return nil
}

// Health tells whether there are keys to judge by and whether they are fresh.
func (v *Validator) Health(context.Context) domain.Health {
	if v.remote == nil {
		return domain.Health{Name: "token_keys", Condition: domain.Healthy}
	}
	return v.remote.health()
}

// Validate judges a token. A verdict that the token passed is remembered until
// the token expires or the keys change.
func (v *Validator) Validate(_ context.Context, token string) (domain.Caller, error) {
	if token == "" {
		return domain.Caller{}, domain.NotAuthenticated().At(operation)
	}
	if len(token) > maxToken {
		return v.observe(domain.Caller{}, domain.TokenInvalid("size"))
	}
	known, of, now := v.cache.Load(), hashToken(token), time.Now()
	if caller, live := known.valid(of, now); live {
		v.observer.Observe(v.cachedFact)
		return caller, nil
	}
	caller, err := v.verify(token, now)
	if err == nil {
		known.put(of, caller)
	}
	return v.observe(caller, err)
}

// verify judges a token that is not remembered. The signature goes before
// every claim: nothing is said about a payload that nobody signed.
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
	return domain.Caller{}, domain.TokenInvalid("signature").Because(err)
}

// observe counts the outcome. A token that could not be judged is not counted.
func (v *Validator) observe(caller domain.Caller, err error) (domain.Caller, error) {
	if err == nil {
		v.observer.Observe(v.acceptedFact)
		return caller, nil
	}
	failure := domain.As(err).At(operation)
	switch {
	case failure.Code != domain.AuthenticationError:
	case failure.Details["reason"] == "jwt_expired":
		v.observer.Observe(v.expiredFact)
	default:
		v.observer.Observe(v.refusedFact)
	}
	return domain.Caller{}, failure
}

// clearCache drops every remembered verdict.
func (v *Validator) clearCache() { v.cache.Store(newCache()) }
