package bearer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/bearer"
	"github.com/huleedu/edge/domain"
)

func TestToken(t *testing.T) {
	cases := []struct{ header, token, reason string }{
		{"Bearer abc", "abc", ""},
		{"bEARER abc", "abc", ""},
		{"", "", "missing_authorization_header"},
		{"  ", "", "missing_authorization_header"},
		{"Bearer", "", "invalid_authorization_format"},
		{"Bearer a b", "", "invalid_authorization_format"},
		{"Basic abc", "", "invalid_authorization_format"},
		{"abc", "", "invalid_authorization_format"},
	}
	for _, c := range cases {
		token, err := bearer.Token(c.header)
		require.Equal(t, c.token, token, c.header)
		if c.reason == "" {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, domain.AuthenticationError, domain.CodeOf(err))
		require.Equal(t, c.reason, domain.As(err).PublicDetails()["reason"], c.header)
	}
}
