package jwt

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/huleedu/edge/domain"
)

const (
	// maxKeys is how many keys of a set are parsed.
	maxKeys = 100
	// maxStale is how long a set is used while its endpoint is unavailable.
	maxStale = 24 * time.Hour
)

// errNoKeys is returned for a document in which no key fits the algorithm. It counts as a
// failed fetch, so that the old set stays in use.
var errNoKeys = errors.New("no key of the set fits the algorithm")

// keySet is the usable keys of one JWKS document (RFC 7517).
type keySet struct {
	byID map[string][]any
	all  []any
}

// parseKeySet returns the keys that fit the algorithm. It ignores symmetric and private
// keys, keys with another "alg", a "use" other than "sig" or "key_ops" without "verify", and
// invalid keys.
func parseKeySet(algorithm string, document []byte) (*keySet, error) {
	var d struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, errors.New("the key set is not a JSON object with keys")
	}
	set := &keySet{byID: map[string][]any{}}
	for _, text := range d.Keys[:min(len(d.Keys), maxKeys)] {
		set.add(algorithm, text)
	}
	if len(set.all) == 0 {
		return nil, errNoKeys
	}
	return set, nil
}

func (s *keySet) add(algorithm string, text []byte) {
	key, err := jwk.ParseKey(text)
	if err != nil || !usableFor(algorithm, key) {
		return
	}
	raw, err := rawKey(key)
	if err != nil || !fits(algorithm, raw) {
		return
	}
	s.all = append(s.all, raw)
	if id := key.KeyID(); id != "" {
		s.byID[id] = append(s.byID[id], raw)
	}
}

// usableFor reports whether the key's members allow the algorithm and verification.
func usableFor(algorithm string, key jwk.Key) bool {
	if use := key.KeyUsage(); use != "" && use != string(jwk.ForSignature) {
		return false
	}
	if alg := key.Algorithm().String(); alg != "" && alg != algorithm {
		return false
	}
	operations := key.KeyOps()
	return len(operations) == 0 || slices.Contains(operations, jwk.KeyOpVerify)
}

// errUnknownKey is returned for a key id that is not in the set.
var errUnknownKey = errors.New("unknown key id")

// find returns the candidates for a key id. Without a key id, the set must have exactly one
// key. In a set without ids the token's key id is ignored.
func (s *keySet) find(kid string) ([]any, error) {
	switch {
	case kid != "" && len(s.byID) > 0:
		if keys, known := s.byID[kid]; known {
			return keys, nil
		}
		return nil, errUnknownKey
	case len(s.all) == 1:
		return s.all, nil
	default:
		return nil, domain.TokenInvalid(domain.ReasonKey)
	}
}
