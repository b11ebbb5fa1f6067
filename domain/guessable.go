package domain

import "strings"

// Guessable reports whether an attacker would try the secret, independent of its
// length: it contains a placeholder of tutorials and sample files, has fewer than
// eight different bytes, or is a repetition of at most eight bytes.
func (s Secret) Guessable() bool {
	secret := string(s)
	folded := strings.NewReplacer("_", "-", " ", "-", ".", "-").Replace(strings.ToLower(secret))
	for _, text := range placeholders() {
		if strings.Contains(folded, text) {
			return true
		}
	}
	seen := map[byte]struct{}{}
	for i := range len(secret) {
		seen[secret[i]] = struct{}{}
	}
	return len(seen) < minDistinctBytes || repeats(secret, minDistinctBytes)
}

// minDistinctBytes is the minimum number of different bytes of a secret.
const minDistinctBytes = 8

// repeats reports whether a text is a repetition of a part of at most the given
// length.
func repeats(text string, most int) bool {
	for period := 1; period <= most && period*2 <= len(text); period++ {
		if text[period:] == text[:len(text)-period] {
			return true
		}
	}
	return false
}

// IsPEM reports whether the secret is a key or certificate in PEM. A public key is
// not secret.
func (s Secret) IsPEM() bool { return strings.Contains(string(s), "-----BEGIN ") }

// placeholders returns parts of secrets in public texts. The probability that a
// random secret of 32 bytes contains one is negligible.
func placeholders() []string {
	return []string{
		"change-me", "changeme", "change-this", "change-in-prod", "replace-me", "replaceme",
		"your-secret", "your-256-bit", "your-384-bit", "your-512-bit", "at-least-256-bits", "valid-for-hs",
		"secret-key", "secretkey", "my-secret", "mysecret", "super-secret", "supersecret", "top-secret",
		"jwt-secret", "jwtsecret", "dev-secret", "test-secret", "testsecret", "default-secret",
		"development", "insecure", "not-a-secret", "password", "placeholder", "example", "huleedu",
		"internal-key", "internalkey", "api-key", "apikey", "dev-key", "test-key", "dummy", "local-dev",
		"12345678", "abcdefgh", "0123456", "qwerty",
	}
}
