package domain

// redactedText stands wherever a secret would be printed.
const redactedText = "[redacted]"

// Secret is a setting that prints, logs and marshals as "[redacted]". Reveal
// is the one way to its value.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret from fmt and from logs; an unset one stays empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redactedText
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the secret from a setting.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}
