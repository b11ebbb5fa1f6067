package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/huleedu/edge/domain"
)

// keySource returns the keys that can verify a token.
type keySource interface {
	// find returns the candidates for a key id; "" means no key id. It never blocks. Validate
	// returns its errors unchanged.
	find(kid string) ([]any, error)
}

// fixedKeys are configured keys, in the order in which they are tried. They have no ids, so
// the token's key id is ignored.
type fixedKeys []any

func (f fixedKeys) find(string) ([]any, error) { return f, nil }

// staticKeys returns the configured secrets, the current one first, or the public key.
func (c Config) staticKeys() (fixedKeys, error) {
	if !c.symmetric() {
		key, err := c.staticKey()
		return fixedKeys{key}, err
	}
	keys := fixedKeys{[]byte(c.SecretKey.Reveal())}
	if c.PreviousSecretKey != "" {
		keys = append(keys, []byte(c.PreviousSecretKey.Reveal()))
	}
	return keys, nil
}

// staticKey returns the configured public key.
func (c Config) staticKey() (any, error) {
	switch {
	case c.PublicKey != "":
		return parsePEM(c.Algorithm, "JWT_PUBLIC_KEY", strings.ReplaceAll(c.PublicKey, `\n`, "\n"))
	case c.PublicKeyPath != "":
		text, err := os.ReadFile(c.PublicKeyPath)
		if err != nil {
			return nil, domain.Misconfigured("JWT_PUBLIC_KEY_PATH", "cannot be read").WithCause(err)
		}
		return parsePEM(c.Algorithm, "JWT_PUBLIC_KEY_PATH", string(text))
	default:
		return nil, domain.Misconfigured("JWT_PUBLIC_KEY",
			c.Algorithm+" needs one of JWT_JWKS_URL, JWT_PUBLIC_KEY, JWT_PUBLIC_KEY_PATH")
	}
}

// parsePEM parses one public key. It rejects a private key, because a service that only
// verifies must not have one. Its errors have no cause, which could quote the key.
func parsePEM(algorithm, setting, text string) (any, error) {
	block, rest := pem.Decode([]byte(text))
	if block != nil && strings.TrimSpace(string(rest)) != "" {
		return nil, domain.Misconfigured(setting, "has data behind its first PEM block; it must be one public key")
	}
	key, err := jwk.ParseKey([]byte(text), jwk.WithPEM(true))
	if err != nil {
		return nil, domain.Misconfigured(setting, "is not a public key in PEM")
	}
	if private, _ := jwk.IsPrivateKey(key); private {
		return nil, domain.Misconfigured(setting, "is a private key; it must be the public key")
	}
	raw, err := rawKey(key)
	if err != nil || !fits(algorithm, raw) {
		return nil, domain.Misconfigured(setting, "does not fit "+algorithm+" (RSA keys need 2048 bits)")
	}
	return raw, nil
}

// errUnsupportedKey is returned for a type of key that no supported algorithm uses.
var errUnsupportedKey = errors.New("unsupported type of key")

// rawKey returns the standard library's key of a jwx key.
func rawKey(key jwk.Key) (any, error) {
	var raw any
	if err := key.Raw(&raw); err != nil {
		return nil, err
	}
	switch k := raw.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return k, nil
	default:
		return nil, errUnsupportedKey
	}
}

// notLoaded returns the error while no keys are loaded.
func notLoaded() error { return notLoadedFor(0) }

// notLoadedFor returns the error while no keys are loaded, with the time until the next fetch.
func notLoadedFor(wait time.Duration) error {
	return domain.Unavailable(keysName, max(wait, 0)+time.Second)
}
