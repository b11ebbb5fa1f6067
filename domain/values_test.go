package domain_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestParseUserID(t *testing.T) {
	for _, good := range []string{"u1", "läraren", "a b", strings.Repeat("ä", 255), "x}"} {
		id, err := domain.ParseUserID(good)
		require.NoError(t, err, good)
		require.Equal(t, domain.UserID(good), id)
	}
	for _, empty := range []string{"", "  ", "\t", "\u00a0"} {
		_, err := domain.ParseUserID(empty)
		require.ErrorIs(t, err, domain.ErrEmptyUserID)
	}
	for _, bad := range []string{"a\nb", "}u", strings.Repeat("ä", 256), "a\x00", "\xff", "a\u0085b"} {
		_, err := domain.ParseUserID(bad)
		require.ErrorIs(t, err, domain.ErrInvalidUserID, "%q", bad)
	}
}

func TestClientStatusOf(t *testing.T) {
	cases := map[string]domain.ClientStatus{
		"awaiting_content_validation": "pending_content", "awaiting_pipeline_configuration": "pending_content", "REGISTERED": "pending_content",
		"ready_for_pipeline_execution": "ready",
		"processing_pipelines":         "processing", "awaiting_student_validation": "processing", "student_validation_completed": "processing",
		"validation_timeout_processed": "processing", "PROCESSING": "processing",
		"COMPLETED": "completed_successfully", "PARTIALLY_COMPLETED": "completed_with_failures",
		"content_ingestion_failed": "failed", "failed_critically": "failed", "FAILED": "failed", "CANCELLED": "cancelled",
	}
	for _, s := range domain.ClientStatuses() {
		cases[string(s)] = s
	}
	for overall, want := range cases {
		got, known := domain.ClientStatusOf(overall)
		require.True(t, known, overall)
		require.Equal(t, want, got, overall)
	}
	for _, odd := range []string{"", "Ready", "registered"} {
		got, known := domain.ClientStatusOf(odd)
		require.False(t, known, odd)
		require.Equal(t, domain.PendingContent, got)
	}
}

func TestPlatformStatusIsTheFirstInternalStatus(t *testing.T) {
	want := map[domain.ClientStatus]string{
		"pending_content": "awaiting_content_validation", "ready": "ready_for_pipeline_execution",
		"processing": "processing_pipelines", "failed": "content_ingestion_failed",
		"completed_successfully": "completed_successfully", "completed_with_failures": "completed_with_failures", "cancelled": "cancelled",
	}
	for _, s := range domain.ClientStatuses() {
		require.Equal(t, want[s], s.PlatformStatus())
		back, known := domain.ClientStatusOf(s.PlatformStatus())
		require.True(t, known)
		require.Equal(t, s, back)
	}
}

func TestWithIDCompletesTheFrame(t *testing.T) {
	frame := []byte(`{"event":"e","data":{}}`)
	require.JSONEq(t, `{"event":"e","data":{},"id":"7-0"}`, string(domain.WithID(frame, "7-0")))
	require.Equal(t, `{"event":"e","data":{}}`, string(frame))
	longest := domain.WithID(frame, "18446744073709551615-18446744073709551615")
	require.Len(t, longest, domain.MaxFrameSize(frame))
}

func TestDocumentsAreEmbeddedAsTheyAre(t *testing.T) {
	out, err := json.Marshal([]domain.Document{domain.Document(`{"a":1.50}`)})
	require.NoError(t, err)
	require.Equal(t, `[{"a":1.50}]`, string(out))
}

func TestContextContainsTheRequestIDs(t *testing.T) {
	require.Zero(t, domain.RequestContextOf(context.Background()))
	ids := domain.RequestContext{CorrelationID: "c", RequestID: "r"}
	require.Equal(t, ids, domain.RequestContextOf(domain.WithRequestContext(context.Background(), ids)))
}

func TestEnvironmentsAreAClosedList(t *testing.T) {
	for _, e := range []domain.Environment{domain.Development, domain.Staging, domain.Production, domain.Testing} {
		require.True(t, e.Known())
	}
	require.False(t, domain.Environment("prod").Known())
}

func TestPipelinesMatchTheContract(t *testing.T) {
	require.Equal(t, []domain.Pipeline{"spellcheck", "ai_feedback", "cj_assessment", "nlp", "student_matching"}, domain.Pipelines())
}

func TestVocabulariesMatchTheContract(t *testing.T) {
	require.Equal(t, []string{
		"batch_progress", "processing_results", "file_operations", "class_management", "student_workflow", "system_alerts",
	}, domain.Categories())
	require.Equal(t, []string{"critical", "immediate", "high", "standard", "low"}, domain.Priorities())
	require.Equal(t, []string{
		"batch_files_uploaded", "batch_processing_started", "batch_spellcheck_completed", "batch_nlp_completed",
		"batch_cj_assessment_completed", "pipeline_completed", "batch_results_ready", "batch_assessment_completed",
		"batch_validation_failed", "class_created", "student_added_to_class", "validation_timeout_processed",
		"student_associations_confirmed", "pipeline_denied_insufficient_credits",
	}, domain.NotificationTypes())
	require.Equal(t, []domain.LimitClass{"commands", "uploads", "queries", "default", "refused"}, domain.LimitClasses())
	require.Equal(t, []domain.CourseCode{"ENG5", "ENG6", "ENG7", "SV1", "SV2", "SV3"}, domain.CourseCodes())
}

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

func TestGuessableSecrets(t *testing.T) {
	for _, secret := range []string{
		"", "changeme", "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME", "change.me.in.production.0000000000", strings.Repeat("a", 64),
		strings.Repeat("ab", 32), strings.Repeat("x7Qp9Lm2", 8), strings.Repeat("x7Qp9Lm2", 8) + "x7Q", "huleedu-edge-development-secret-not-for-production",
		"a-string-secret-at-least-256-bits-long", "dev-internal-api-key-dev-internal-api-key", "your-secret-key-goes-here-please-change", "abcdefghijklmnopqrstuvwxyz0123456789",
		"my_internal_key_my_internal_key_xyz", "0123456789abcdef0123456789abcdef", "PasswordPasswordPasswordPassword1",
	} {
		require.True(t, domain.Secret(secret).Guessable(), secret)
	}
	require.True(t, domain.Secret("x7Qp9LmZx7Qp9LmZ").Guessable(), "twice the longest part")
	require.False(t, domain.Secret("x7Qp9LmZ").Guessable(), "once, with the fewest different bytes")
	for range 1000 {
		random := make([]byte, 32)
		_, err := rand.Read(random)
		require.NoError(t, err)
		require.False(t, domain.Secret(base64.StdEncoding.EncodeToString(random)).Guessable())
		require.False(t, domain.Secret(hex.EncodeToString(random)).Guessable())
	}
}

// TestSecretsOfPublicTextsAreGuessable has a secret with each word that tutorials and sample files use. Each is
// long and varied enough to pass the other rules, with one exception: digits and letters in order.
func TestSecretsOfPublicTextsAreGuessable(t *testing.T) {
	for word := range strings.FieldsSeq(`
		change-me changeme change_this CHANGE.IN.PROD replace-me replaceme your-secret your-256-bit your-384-bit your-512-bit
		at-least-256-bits valid-for-hs secret-key secretkey my-secret mysecret super-secret supersecret top-secret jwt-secret jwtsecret
		dev-secret test-secret testsecret default-secret development insecure not-a-secret password placeholder example huleedu
		internal-key internalkey api-key apikey dev-key test-key dummy local-dev 12345678 abcdefgh 0123456 qwerty`) {
		secret := "Zr7xW-" + word + "-uVtYpN9kQj3"
		require.True(t, domain.Secret(secret).Guessable(), secret)
	}
	require.False(t, domain.Secret("Zr7xW-other-word-uVtYpN9kQj3").Guessable())
}

func TestKeysInPEMAreRecognised(t *testing.T) {
	require.True(t, domain.Secret("\n-----BEGIN PUBLIC KEY-----\nMCow").IsPEM())
	require.False(t, domain.Secret("x7Qp9LmZ").IsPEM())
}

func TestLoneSurrogateReturnsTheIndex(t *testing.T) {
	for raw, want := range map[string]int{
		`"a"`: -1, `"\n\ud800"`: 3, `"\ud800a"`: 1, `"\ud83d\ude00"`: -1, `"\ud83d\ude00\ud83d"`: 13,
		`"\ud83dxude00"`: 1, `"\ud83d\ude"`: 1, `\ud800`: 0, // the last two are not valid JSON
	} {
		require.Equal(t, want, domain.LoneSurrogate([]byte(raw)), raw)
	}
}

// FuzzLoneSurrogate: encoding/json replaces lone surrogates, so a string has one if
// its text holds more U+FFFD than the string spells.
func FuzzLoneSurrogate(f *testing.F) {
	for _, seed := range []string{`\ud800`, `\ud83d\ude00`, `\\ud800`, `\ude00\ud83d`, `�`, `\ufffd`, `\ud83d\u`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, inner string) {
		raw := []byte(`"` + inner + `"`)
		var text string
		if json.Unmarshal(raw, &text) != nil || !utf8.Valid(raw) {
			return
		}
		given := bytes.Count(raw, []byte("\ufffd")) + replacements(raw)
		require.Equal(t, strings.Count(text, "\ufffd") > given, domain.LoneSurrogate(raw) >= 0, "%s", raw)
	})
}

// replacements counts the escapes that spell U+FFFD itself.
func replacements(raw []byte) (n int) {
	for at := 0; at < len(raw); at++ {
		if raw[at] != '\\' {
			continue
		}
		if at+6 <= len(raw) && bytes.EqualFold(raw[at:at+6], []byte(`\ufffd`)) {
			n++
		}
		at++
	}
	return n
}
