package domain

// redactedText is printed in place of a secret.
const redactedText = "[redacted]"

// Secret is a setting that prints, logs and marshals as "[redacted]". Only Reveal
// returns its value.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns "[redacted]", or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redactedText
}

// GoString returns the text of String, for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText returns the text of String, for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the secret from a setting.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}
