package jwt

import "strings"

// guessable reports whether a secret of any length is one that an attacker
// would try: it holds a placeholder of tutorials and sample files, or has
// fewer than eight different bytes.
func guessable(secret string) bool {
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
	return len(seen) < 8
}

// placeholders are parts of secrets that stand in public texts. A random
// secret of 32 bytes holds one of them by chance about never.
func placeholders() []string {
	return []string{
		"change-me", "changeme", "change-this", "change-in-prod", "replace-me", "replaceme",
		"your-secret", "your-256-bit", "your-384-bit", "your-512-bit", "at-least-256-bits", "valid-for-hs",
		"secret-key", "secretkey", "my-secret", "mysecret", "super-secret", "supersecret", "top-secret",
		"jwt-secret", "jwtsecret", "dev-secret", "test-secret", "testsecret", "default-secret",
		"development", "insecure", "not-a-secret", "password", "placeholder", "example", "huleedu",
		"12345678", "abcdefgh", "0123456", "qwerty",
	}
}
