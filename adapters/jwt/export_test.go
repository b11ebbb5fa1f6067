package jwt

import "net/http"

// SetTransport makes the validator fetch its key set through another transport.
func SetTransport(v *Validator, through http.RoundTripper) { v.remote.client.Transport = through }

// ParseKeySet reads a key set's document.
func ParseKeySet(algorithm string, document []byte) { _, _ = parseKeySet(algorithm, document) }

// UnknownKeys returns how many unknown key ids are stored.
func UnknownKeys(v *Validator) int { return v.remote.unknown.seen.Len() }
