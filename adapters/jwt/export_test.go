package jwt

import "net/http"

// SetTransport makes the validator fetch its key set through another transport.
func SetTransport(v *Validator, through http.RoundTripper) { v.remote.client.Transport = through }

// ParseKeySet reads a key set's document.
func ParseKeySet(algorithm string, document []byte) { _, _ = parseKeySet(algorithm, document) }

// ParseObject takes a JSON object apart.
func ParseObject(text []byte) (map[string]string, error) { return parseObject(text) }

// UnknownKeys is how many unknown key ids are remembered.
func UnknownKeys(v *Validator) int {
	return len(v.remote.unknown.current) + len(v.remote.unknown.previous)
}

// HasLoneSurrogate judges a JSON text.
func HasLoneSurrogate(raw string) bool { return hasLoneSurrogate(raw) }
