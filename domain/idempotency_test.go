package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestParseIdempotencyKey(t *testing.T) {
	for _, good := range []string{"a", "8f14e45f-ceea-467f-a8f2-9d1c0a1b2c3d", " a b ", "!~", strings.Repeat("k", 128)} {
		key, err := domain.ParseIdempotencyKey(good)
		require.NoError(t, err, good)
		require.Equal(t, good, key)
	}
	for _, bad := range []string{"", strings.Repeat("k", 129), "a\tb", "a\x00", "\x7f", "ä", "a\nb"} {
		_, err := domain.ParseIdempotencyKey(bad)
		e := domain.As(err)
		require.Equal(t, domain.ValidationError, e.Code, "%q", bad)
		require.Equal(t, "Idempotency-Key", e.Details["field"])
		require.NotContains(t, e.Details, "value")
	}
}

func FuzzParseIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"", "a", " ~", "ä", "\x00", strings.Repeat("k", 129)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := domain.ParseIdempotencyKey(s)
		plain := len(strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, s)) == len(s)
		want := len(s) >= 1 && len(s) <= 128 && plain
		if (err == nil) != want {
			t.Fatalf("%q: %v", s, err)
		}
		if err == nil && key != s {
			t.Fatalf("%q became %q", s, key)
		}
	})
}
