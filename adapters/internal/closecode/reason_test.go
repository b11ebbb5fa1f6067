package closecode

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/huleedu/edge/domain"
)

const someID = "0a8e3f9c-6f0e-4a56-9d0e-2f6f0f6b7c11"

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
