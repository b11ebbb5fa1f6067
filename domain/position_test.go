package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestParsePosition(t *testing.T) {
	good := map[string]domain.Position{
		"0": domain.PositionStart, "0-0": domain.PositionStart, "$": domain.PositionLive,
		"1700000000000-0": "1700000000000-0", "18446744073709551615-18446744073709551615": "18446744073709551615-18446744073709551615",
	}
	for in, want := range good {
		got, err := domain.ParsePosition(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "-", "1", "1-", "-1", "a-0", "1-0-0", "+1-0", "1-+0", "$0", "01-0", "1-00", "18446744073709551616-0", "1 -0", "0x1-0", "1_0-0"} {
		_, err := domain.ParsePosition(bad)
		require.Equal(t, domain.ValidationError, domain.CodeOf(err), "%q", bad)
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"0", "$", "1-1", "0-0", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := domain.ParsePosition(s)
		if err != nil {
			return
		}
		again, err := domain.ParsePosition(string(p))
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}
