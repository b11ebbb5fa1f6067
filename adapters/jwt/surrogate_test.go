package jwt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/jwt"
)

// TestLoneSurrogatesAreMalformed: two names that differ in half a pair would be one
// user, one organisation or one key.
func TestLoneSurrogatesAreMalformed(t *testing.T) {
	const good = `"sub":"teacher-1","aud":"huleedu-platform","iss":"huleedu-identity-service","exp":`
	claims := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(`{`+good) + inAnHour() + `}`
	}
	for _, lone := range []string{`\ud800`, `\uDFFF`, `\udc00\ud800`, `\ud800A`, `\ud800\ud83d\ude00`, `\ud83d\\ude00`} {
		for name, payload := range map[string]string{
			"sub":                 claims("teacher-1", "teacher-"+lone),
			"iss":                 claims("huleedu-identity-service", lone),
			"aud":                 claims("huleedu-platform", lone),
			"aud in a list":       claims(`"huleedu-platform"`, `["huleedu-platform","`+lone+`"]`),
			"typ":                 claims(`"sub"`, `"typ":"`+lone+`","sub"`),
			"org_id":              claims(`"sub"`, `"org_id":"`+lone+`","sub"`),
			"organisation, later": claims(`"sub"`, `"organization_id":"school `+lone+`","sub"`),
		} {
			_, err := validator(t, settings(), discardObserver{}).Validate(t.Context(), sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, payload))
			requireCause(t, err, "malformed")
			require.Error(t, err, name)
		}
		_, err := validator(t, settings(), discardObserver{}).Validate(t.Context(),
			sign(t, "HS256", []byte(shared), `{"alg":"HS256","kid":"`+lone+`"}`, payload()))
		requireCause(t, err, "malformed")
	}
	for sub, want := range map[string]string{`\ud83d\ude00`: "\U0001f600", `a\\ud800`: `a\ud800`, `\ufffd`: "\ufffd", `\u00e5`: "å"} {
		caller, err := validator(t, settings(), discardObserver{}).Validate(t.Context(),
			sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, claims("teacher-1", sub, `"sub"`, `"name":"\ud800","sub"`)))
		require.NoError(t, err, sub)
		require.Equal(t, want, string(caller.User))
	}
}

// FuzzLoneSurrogate compares with encoding/json, which puts U+FFFD in the place of
// each lone surrogate.
func FuzzLoneSurrogate(f *testing.F) {
	for _, s := range []string{`"\ud800"`, `"\ud83d\ude00"`, `"\\ud800"`, `"\ufffd"`, `"\u00"`, `"a\"b"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var decoded string
		found := jwt.HasLoneSurrogate(raw) // never panics
		if strings.Contains(raw, "\ufffd") || json.Unmarshal([]byte(raw), &decoded) != nil || raw == "null" {
			return
		}
		written := strings.Count(strings.ToLower(strings.ReplaceAll(raw, `\\`, "")), `\ufffd`)
		if replaced := strings.Count(decoded, "\ufffd"); found != (replaced > written) {
			t.Fatalf("%q: found %v, %d replaced, %d written", raw, found, replaced, written)
		}
	})
}
