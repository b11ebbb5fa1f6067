package jwt_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/recorded"
)

// TestLoneSurrogatesAreMalformed checks every claim: decoding a lone surrogate would make different
// names equal.
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
			_, err := validator(t, settings(), recorded.NoFacts{}).Validate(t.Context(), sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, payload))
			requireCause(t, err, "malformed")
			require.Error(t, err, name)
		}
		_, err := validator(t, settings(), recorded.NoFacts{}).Validate(t.Context(),
			sign(t, "HS256", []byte(shared), `{"alg":"HS256","kid":"`+lone+`"}`, payload()))
		requireCause(t, err, "malformed")
	}
	for sub, want := range map[string]string{`\ud83d\ude00`: "\U0001f600", `a\\ud800`: `a\ud800`, `\ufffd`: "\ufffd", `\u00e5`: "å"} {
		caller, err := validator(t, settings(), recorded.NoFacts{}).Validate(t.Context(),
			sign(t, "HS256", []byte(shared), `{"alg":"HS256"}`, claims("teacher-1", sub, `"sub"`, `"name":"\ud800","sub"`)))
		require.NoError(t, err, sub)
		require.Equal(t, want, string(caller.User))
	}
}
