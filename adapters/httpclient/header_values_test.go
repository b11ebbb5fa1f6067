package httpclient_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// TestAValueThatNoHeaderCanCarryIsNotSent: it would change the request.
func TestAValueThatNoHeaderCanCarryIsNotSent(t *testing.T) {
	s := serve(t, 200, `{}`)
	client := s.client(t)
	for _, value := range []string{"a\r\nX-User-Id: bo", "a\n", "\r", "a\x00", "a\x7f"} {
		ctx := domain.WithRequestContext(t.Context(), domain.RequestContext{CorrelationID: value})
		_, err := client.Status(ctx, anna(), "b1")
		require.Equal(t, domain.UnknownError, domain.CodeOf(err), "%q", value)
	}
	require.Nil(t, s.lastRequest())
}
