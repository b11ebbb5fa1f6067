package websocket

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/app/delivery"
	"github.com/huleedu/edge/domain"
)

const someID = "0a8e3f9c-6f0e-4a56-9d0e-2f6f0f6b7c11"

// statuses returns the statuses of the catalogue.
func statuses() (out []Status) {
	for _, entry := range Catalogue() {
		out = append(out, entry.Close.Status)
	}
	return out
}

func TestEveryCodeHasAClose(t *testing.T) {
	for _, code := range domain.Codes() {
		status, ok := StatusOf(code)
		require.True(t, ok, "%s is not in the table", code)
		require.Contains(t, statuses(), status)
	}
	_, ok := StatusOf("NO_SUCH_CODE")
	require.False(t, ok)
}

func TestCloses(t *testing.T) {
	for _, c := range []struct {
		close Close
		want  string
	}{
		{NormalClosure.Close(), ``},
		{GoingAway.Close(), ``},
		{ConnectionLimit.Close(), `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`},
		{closeFor(domain.TooManyConnections(5)), `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`},
		{closeFor(&domain.Error{Code: domain.QuotaExceeded, Message: "anything"}), `{"error_code":"QUOTA_EXCEEDED","message":"Connection limit exceeded"}`},
		{closeFor(domain.TokenExpired()), `{"error_code":"AUTHENTICATION_ERROR","message":"Token has expired","correlation_id":"` + someID + `"}`},
		{Unauthenticated.Close(), `{"error_code":"AUTHENTICATION_ERROR","message":"Token has expired","correlation_id":"` + someID + `"}`},
		{ServiceRestart.Close(), `{"error_code":"SERVICE_UNAVAILABLE","message":"Service restart","correlation_id":"` + someID + `"}`},
		{SlowConsumer.Close(), `{"error_code":"QUOTA_EXCEEDED","message":"Slow consumer","correlation_id":"` + someID + `"}`},
		{PeerTimeout.Close(), `{"error_code":"TIMEOUT","message":"No sign of life","correlation_id":"` + someID + `"}`},
		{closeFor(domain.Unreachable("redis", nil)), `{"error_code":"CONNECTION_ERROR","message":"Connection to redis f","correlation_id":"` + someID + `"}`},
		{closeFor(peerStatus(Unsupported)), ``},
		{closeFor(domain.Unknown(nil)), InternalError.Close().Reason(someID)},
		{closeFor(Disconnected), Disconnected.Close().Reason(someID)},
		{closeFor(errRateLimit), `{"error_code":"RATE_LIMIT","message":"Rate limit exceeded","correlation_id":"` + someID + `"}`},
		{closeFor(delivery.ErrRestart), ServiceRestart.Close().Reason(someID)},
		{closeFor(delivery.ErrSlowConsumer), SlowConsumer.Close().Reason(someID)},
		{closeFor(nil), `{"error_code":"AUTHORIZATION_ERROR","message":"Disconnected","correlation_id":"` + someID + `"}`},
	} {
		payload := c.close.payload(someID)
		require.Equal(t, c.want, string(payload[2:]))
		require.Equal(t, int(c.close.Status), int(payload[0])<<8|int(payload[1]))
	}
}

func FuzzReason(f *testing.F) {
	f.Add("Token has expired", someID)
	f.Add("\"\\\x00\xff  \U0001F600\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600", "")
	f.Add("ååååååååååååååååååååååååååååååååååååååååååååååååååååååååååååååååå", "not\"plain")
	f.Fuzz(func(t *testing.T, message, correlation string) {
		for _, code := range domain.Codes() {
			text := Close{Code: code, Message: message}.Reason(correlation)
			if len(text) > maxReason || !utf8.ValidString(text) {
				t.Fatalf("%d bytes: %q", len(text), text)
			}
			var got struct {
				Code          domain.Code `json:"error_code"`
				Message       string      `json:"message"`
				CorrelationID string      `json:"correlation_id"`
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%v: %q", err, text)
			}
			prefix := string([]rune(message)) // invalid bytes become U+FFFD, as in the reason
			if got.Code != code || utf8.RuneCountInString(got.Message) > maxMessage || len(got.Message) > len(prefix) ||
				prefix[:len(got.Message)] != got.Message {
				t.Fatalf("%q of %q", text, message)
			}
		}
	})
}
