package websocket

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/closecode"
	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

const someID = "0a8e3f9c-6f0e-4a56-9d0e-2f6f0f6b7c11"

// statuses returns the statuses of the catalogue.
func statuses() (out []closecode.Status) {
	for _, entry := range Catalogue() {
		out = append(out, entry.Close.Status)
	}
	return out
}

func TestEveryCodeHasAClose(t *testing.T) {
	for _, code := range domain.Codes() {
		status, ok := closecode.StatusOf(code)
		require.True(t, ok, "%s is not in the table", code)
		require.Contains(t, statuses(), status)
	}
	_, ok := closecode.StatusOf("NO_SUCH_CODE")
	require.False(t, ok)
}

func TestCloses(t *testing.T) {
	for _, c := range []struct {
		close closecode.Close
		want  string
	}{
		{closecode.NormalClosure.Close(), ``},
		{closecode.GoingAway.Close(), ``},
		{closecode.ConnectionLimit.Close(), `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`},
		{closeFor(domain.TooManyConnections(5)), `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`},
		{closeFor(&domain.Error{Code: domain.QuotaExceeded, Message: "anything"}), `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`},
		{closeFor(domain.TokenExpired()), `{"error_code":"AUTHENTICATION_ERROR","message":"Token has expired","correlation_id":"` + someID + `"}`},
		{closecode.Unauthenticated.Close(), `{"error_code":"AUTHENTICATION_ERROR","message":"Token has expired","correlation_id":"` + someID + `"}`},
		{closecode.ServiceRestart.Close(), `{"error_code":"SERVICE_UNAVAILABLE","message":"Service restart","correlation_id":"` + someID + `"}`},
		{closecode.SlowConsumer.Close(), `{"error_code":"QUOTA_EXCEEDED","message":"Slow consumer","correlation_id":"` + someID + `"}`},
		{closecode.PeerTimeout.Close(), `{"error_code":"TIMEOUT","message":"No sign of life","correlation_id":"` + someID + `"}`},
		{closeFor(domain.Unreachable("redis", nil)), `{"error_code":"CONNECTION_ERROR","message":"Connection to redis f","correlation_id":"` + someID + `"}`},
		{closeFor(peerStatus(closecode.Unsupported)), ``},
		{closeFor(domain.Unknown(nil)), closecode.InternalError.Close().Reason(someID)},
		{closeFor(closecode.Disconnected), closecode.Disconnected.Close().Reason(someID)},
		{closeFor(rateLimited()), `{"error_code":"RATE_LIMIT","message":"Rate limit exceeded","correlation_id":"` + someID + `"}`},
		{closeFor(delivery.ErrRestart), closecode.ServiceRestart.Close().Reason(someID)},
		{closeFor(delivery.ErrSlowConsumer), closecode.SlowConsumer.Close().Reason(someID)},
		{closeFor(nil), `{"error_code":"AUTHORIZATION_ERROR","message":"Disconnected","correlation_id":"` + someID + `"}`},
	} {
		payload := closePayload(c.close, someID)
		require.Equal(t, c.want, string(payload[2:]))
		require.Equal(t, int(c.close.Status), int(payload[0])<<8|int(payload[1]))
	}
}
