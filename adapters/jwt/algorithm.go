package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"maps"
	"slices"
)

// minRSABits is the minimum size of an RSA key (RFC 7518 section 3.3).
const minRSABits = 2048

// family is the type of key of an algorithm.
type family int

const (
	hmacFamily    family = iota + 1 // hmacFamily is a secret, for HS256 to HS512.
	rsaFamily                       // rsaFamily is an RSA key, for RS256 to RS512 and PS256 to PS512.
	ecdsaFamily                     // ecdsaFamily is an elliptic-curve key, for ES256 to ES512.
	ed25519Family                   // ed25519Family is an Ed25519 key, for EdDSA.
)

// families maps the name of every algorithm to its type of key.
func families() map[string]family {
	return map[string]family{
		"HS256": hmacFamily, "HS384": hmacFamily, "HS512": hmacFamily,
		"RS256": rsaFamily, "RS384": rsaFamily, "RS512": rsaFamily,
		"PS256": rsaFamily, "PS384": rsaFamily, "PS512": rsaFamily,
		"ES256": ecdsaFamily, "ES384": ecdsaFamily, "ES512": ecdsaFamily,
		"EdDSA": ed25519Family,
	}
}

func algorithmNames() []string { return slices.Sorted(maps.Keys(families())) }

// fits reports whether a public key may verify the algorithm: the right kind,
// the algorithm's own curve, and an RSA modulus that is long enough.
func fits(algorithm string, key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return families()[algorithm] == rsaFamily && k.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey:
		return families()[algorithm] == ecdsaFamily && k.Curve == curveOf(algorithm)
	case ed25519.PublicKey:
		return families()[algorithm] == ed25519Family && len(k) == ed25519.PublicKeySize
	default:
		return false
	}
}

func curveOf(algorithm string) elliptic.Curve {
	switch algorithm {
	case "ES256":
		return elliptic.P256()
	case "ES384":
		return elliptic.P384()
	case "ES512":
		return elliptic.P521()
	default:
		return nil
	}
}
