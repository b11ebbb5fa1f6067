package jwt

import "net/http"

// Route makes the validator fetch its key set through another transport.
func Route(v *Validator, through http.RoundTripper) { v.remote.client.Transport = through }

// ReadKeySet reads a key set's document.
func ReadKeySet(algorithm string, document []byte) { _, _ = parseKeySet(algorithm, document) }

// ReadObject takes a JSON object apart.
func ReadObject(text []byte) (map[string]string, error) { return readObject(text) }

// UnknownKeys is how many unknown key ids are remembered.
func UnknownKeys(v *Validator) int { return len(v.remote.unknown.young) + len(v.remote.unknown.older) }

// HasLoneSurrogate judges a JSON text.
func HasLoneSurrogate(raw string) bool { return hasLoneSurrogate(raw) }
