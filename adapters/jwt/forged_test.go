package jwt_test

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/recorded"
)

// algorithms are all that a token may be signed with.
func algorithms() []string {
	return []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// attack is a token that is refused with a cause.
type attack struct{ name, token, cause string }

// forger signs tokens with the validator's key.
type forger struct {
	tb        testing.TB
	algorithm string
	key       any
}

func (s forger) sign(header, claims string) string {
	return sign(s.tb, s.algorithm, s.key, header, claims)
}

// header returns a valid header with more members.
func (s forger) header(more string) string { return `{"alg":"` + s.algorithm + `"` + more + `}` }

// claimsWith returns a token with more text at the end of a valid payload. A claim of the same name
// as an earlier one makes two.
func (s forger) claimsWith(more string) string {
	return s.sign(s.header(""), strings.TrimSuffix(payload(), "}")+more+"}")
}

// claims returns a token in whose valid payload one claim is replaced, or removed if value is empty.
func (s forger) claims(name, value string) string {
	claims := map[string]json.RawMessage{}
	require.NoError(s.tb, json.Unmarshal([]byte(payload()), &claims))
	if claims[name] = json.RawMessage(value); value == "" {
		delete(claims, name)
	}
	return s.sign(s.header(""), string(must(json.Marshal(claims))))
}

// bare returns a token with a valid payload and any signature.
func bare(header, signature string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(header)) + "." + b64([]byte(payload())) + "." + signature
}

// onAlgorithm returns tokens whose signature does not fit their algorithm.
func (s forger) onAlgorithm() []attack {
	rows := []attack{
		{"no signature", bare(s.header(""), ""), "signature"},
		{"no signature, long", bare(s.header(""), strings.Repeat("A", 86)), "signature"},
		{"no alg", s.sign(`{}`, payload()), "algorithm"},
		{"alg null", s.sign(`{"alg":null}`, payload()), "malformed"},
		{"alg of two", s.sign(`{"alg":["`+s.algorithm+`","none"]}`, payload()), "malformed"},
		{"alg twice", s.sign(`{"alg":"none","alg":"`+s.algorithm+`"}`, payload()), "malformed"},
		{"alg twice, escaped", s.sign(`{"\u0061lg":"none","alg":"`+s.algorithm+`"}`, payload()), "malformed"},
		{"Alg", s.sign(`{"Alg":"`+s.algorithm+`"}`, payload()), "algorithm"},
		{"alg in lower case", s.sign(`{"alg":"`+strings.ToLower(s.algorithm)+`"}`, payload()), "algorithm"},
		{"alg and a blank", s.sign(`{"alg":"`+s.algorithm+` "}`, payload()), "algorithm"},
		{"alg and a NUL", s.sign(`{"alg":"`+s.algorithm+`\u0000"}`, payload()), "algorithm"},
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", "", "HS256 none"} {
		rows = append(rows,
			attack{"alg " + none, bare(`{"alg":"`+none+`"}`, ""), "algorithm"},
			attack{"alg " + none + ", signed", s.sign(`{"alg":"`+none+`"}`, payload()), "algorithm"})
	}
	for _, other := range algorithms() {
		if other == s.algorithm {
			continue
		}
		rows = append(rows, attack{"alg " + other, s.sign(`{"alg":"`+other+`"}`, payload()), "algorithm"})
		if _, isRSA := s.key.(*rsa.PrivateKey); isRSA && (other[:2] == "RS" || other[:2] == "PS") {
			rows = append(rows, attack{"signed with " + other, sign(s.tb, other, s.key, s.header(""), payload()), "signature"})
		}
	}
	if _, symmetric := s.key.([]byte); !symmetric {
		text := publicPEM(s.key)
		for i, known := range []string{text, strings.TrimSpace(text), strings.ReplaceAll(text, "\n", "")} {
			for _, hs := range []string{"HS256", "HS384", "HS512"} {
				rows = append(rows,
					attack{fmt.Sprint("public key as secret ", i, hs), sign(s.tb, hs, []byte(known), `{"alg":"`+hs+`"}`, payload()), "algorithm"},
					attack{fmt.Sprint("public key as secret, own algorithm ", i, hs), sign(s.tb, hs, []byte(known), s.header(""), payload()), "signature"})
			}
		}
	}
	return rows
}

// onHeader returns tokens with headers that must not be followed. target is the address in them.
func (s forger) onHeader(target string) []attack {
	forged := sign(s.tb, "HS256", []byte(foreign), s.header(`,"jku":"`+target+`/jku","x5u":"`+target+`/x5u","kid":"`+target+`/kid"`), payload())
	rows := []attack{
		{"keys elsewhere", forged, "signature"},
		{"key in the token", sign(s.tb, "HS256", []byte(foreign), s.header(`,"jwk":{"kty":"oct","k":"YQ"},"x5c":["MIIB"]`), payload()), "signature"},
		{"encrypted", s.sign(s.header(`,"enc":"A128GCM"`), payload()) + ".x.y", "malformed"},
		{"unencoded payload", s.sign(s.header(`,"b64":false,"crit":["b64"]`), payload()), "malformed"},
		{"unencoded payload, not critical", s.sign(s.header(`,"b64":false`), payload()), "malformed"},
		{"header of two", s.sign(s.header("")+s.header(""), payload()), "malformed"},
		{"header list", s.sign(`["`+s.algorithm+`"]`, payload()), "malformed"},
		{"header null", s.sign(`null`, payload()), "malformed"},
		{"header with a BOM", s.sign("\ufeff"+s.header(""), payload()), "malformed"},
		{"header of broken text", s.sign(s.header(",\"x\":\"\xff\""), payload()), "malformed"},
		{"header without end", s.sign(strings.TrimSuffix(s.header(""), "}"), payload()), "malformed"},
	}
	for _, crit := range []string{`["exp"]`, `["x"]`, `[]`, `null`, `"exp"`, `["alg"]`} {
		rows = append(rows, attack{"crit " + crit, s.sign(s.header(`,"crit":`+crit+`,"x":1`), payload()), "malformed"})
	}
	for _, kid := range []string{`7`, `null`, `["k"]`, `{}`} {
		rows = append(rows, attack{"kid " + kid, s.sign(s.header(`,"kid":`+kid), payload()), "malformed"})
	}
	for _, typ := range []string{`"refresh+jwt"`, `"dpop+jwt"`, `"secevent+jwt"`, `""`, `7`, `null`} {
		rows = append(rows, attack{"typ " + typ, s.sign(s.header(`,"typ":`+typ), payload()), "malformed"})
	}
	return append(rows, attack{"kid twice", s.sign(s.header(`,"kid":"a","kid":"a"`), payload()), "malformed"})
}

// onForm returns tokens that are not in the compact form.
func (s forger) onForm() []attack {
	good := s.sign(s.header(""), payload())
	parts := strings.Split(good, ".")
	signature := must(base64.RawURLEncoding.DecodeString(parts[2]))
	ends := func(signature []byte) string {
		return parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	rows := []attack{
		{"nothing but dots", "..", "malformed"},
		{"two parts", parts[0] + "." + parts[1], "malformed"},
		{"four parts", good + "." + parts[2], "malformed"},
		{"no payload", parts[0] + ".." + parts[2], "malformed"},
		{"padded", good + "=", "malformed"},
		{"padded payload", parts[0] + "." + parts[1] + "=." + parts[2], "malformed"},
		{"standard alphabet", parts[0] + "." + parts[1] + "." + "+/" + parts[2][2:], "malformed"},
		{"percent-encoded", strings.ReplaceAll(good, ".", "%2e"), "malformed"},
		{"JSON form", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "malformed"},
		{"another payload", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(payload(), "teacher-1", "teacher-2", 1))) + "." + parts[2], "signature"},
		{"cut signature", ends(signature[:len(signature)-1]), "signature"},
		{"long signature", ends(append(signature, 0)), "signature"},
		{"8 KiB and a byte", good + strings.Repeat("A", 8<<10+1-len(good)), "size"},
		{"a MiB", strings.Repeat("A", 1<<20), "size"},
		{"large but signed", s.claims("note", `"`+strings.Repeat("x", 8<<10)+`"`), "size"},
	}
	for name, blank := range map[string]string{"blank": " ", "tab": "\t", "line feed": "\n", "return": "\r\n", "NUL": "\x00", "no-break space": "\u00a0"} {
		for place, token := range map[string]string{
			"before": blank + good, "behind": good + blank, "at the dot": parts[0] + "." + blank + parts[1] + "." + parts[2],
			"inside": good[:5] + blank + good[5:], "in the signature": good[:len(good)-3] + blank + good[len(good)-3:],
		} {
			rows = append(rows, attack{name + " " + place, token, "malformed"})
		}
	}
	return rows
}

// onClaims returns signed tokens with invalid claims.
func (s forger) onClaims() []attack {
	now := time.Now()
	at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
	rows := []attack{
		{"expired", s.claims("exp", at(-time.Second)), "expired"},
		{"expired long ago", s.claims("exp", "1"), "expired"},
		{"negative exp", s.claims("exp", "-1"), "expired"},
		{"no exp", s.claims("exp", ""), "expiration"},
		{"not yet", s.claims("nbf", at(time.Minute)), "not_yet_valid"},
		{"issued tomorrow", s.claims("iat", at(24*time.Hour)), "not_yet_valid"},
		{"no aud", s.claims("aud", ""), "audience"},
		{"no iss", s.claims("iss", ""), "issuer"},
		{"refresh token", s.claims("typ", `"refresh"`), "refresh_token"},
		{"refresh token, upper case", s.claims("typ", `"REFRESH"`), "refresh_token"},
		{"payload of two", s.sign(s.header(""), payload()+payload()), "malformed"},
		{"payload list", s.sign(s.header(""), "["+payload()+"]"), "malformed"},
		{"payload null", s.sign(s.header(""), "null"), "malformed"},
		{"payload text", s.sign(s.header(""), `"sub"`), "malformed"},
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		for _, value := range []string{`"` + at(time.Hour) + `"`, `true`, `[]`, `{}`, `1e400`} {
			rows = append(rows, attack{name + " " + value[:min(len(value), 5)], s.claims(name, value), "malformed"})
		}
	}
	for _, value := range []string{`"others"`, `"Huleedu-Platform"`, `"huleedu-platform "`, `[]`, `["others"]`, `[["huleedu-platform"]]`, `{"huleedu-platform":1}`, `7`, `null`} {
		rows = append(rows, attack{"aud " + value, s.claims("aud", value), "audience"})
	}
	for _, value := range []string{`"others"`, `["huleedu-identity-service"]`, `"huleedu-identity-service/"`, `""`, `null`, `7`} {
		rows = append(rows, attack{"iss " + value, s.claims("iss", value), "issuer"})
	}
	for _, value := range []string{"", `""`, `"   "`, `null`, `7`, `["teacher-1"]`, `{"id":"teacher-1"}`, `"\u00a0"`} {
		rows = append(rows, attack{"sub " + value, s.claims("sub", value), "subject"})
	}
	for _, value := range []string{`"a\nb"`, `"a\u0000"`, `"a\u007f"`, `"}a"`, `"` + strings.Repeat("u", 256) + `"`} {
		rows = append(rows, attack{"sub " + value[:3], s.claims("sub", value), "subject"})
	}
	for _, twice := range []string{`"sub":"mallory"`, `"sub":"teacher-1"`, `"s\u0075b":"mallory"`, `"exp":9999999999`, `"aud":"x"`, `"iss":"x"`, `"x":1,"x":2`} {
		rows = append(rows, attack{"twice " + twice, s.claimsWith("," + twice), "malformed"})
	}
	return rows
}

// TestInvalidTokensAreRefused tries the rows about algorithms with every algorithm, and the others
// with each kind of key. No address in a token is requested, and addresses and keys in a valid token
// are ignored.
func TestInvalidTokensAreRefused(t *testing.T) {
	var requested atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requested.Add(1) }))
	defer target.Close()
	total := 0
	for _, algorithm := range algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			s := forger{t, algorithm, keyFor(algorithm)}
			v := validator(t, settingsFor(algorithm, s.key), recorded.NoFacts{})
			_, err := v.Validate(t.Context(), s.sign(s.header(`,"typ":"JWT","kid":"any"`), payload()))
			require.NoError(t, err, "a valid token is accepted, and its header is cached")
			rows := s.onAlgorithm()
			if slices.Contains([]string{"HS256", "RS256", "ES256", "EdDSA"}, algorithm) { // one of each kind of key: signatures cost most of the time
				rows = append(append(append(rows, s.onHeader(target.URL)...), s.onForm()...), s.onClaims()...)
			}
			for _, a := range rows {
				caller, err := v.Validate(t.Context(), a.token)
				require.Error(t, err, a.name)
				require.Empty(t, caller, a.name)
				requireCause(t, err, a.cause)
			}
			other := strings.Replace(payload(), "teacher-1", "teacher-2", 1)
			for _, extra := range []string{
				`,"typ":"JWT","kid":"any"`, `,"jku":"` + target.URL + `/keys","kid":"` + target.URL + `"`, `,"x5u":"` + target.URL + `","x5c":["MIIB"]`,
				`,"jwk":` + string(must(json.Marshal(member(keyFor("ES256"), "own")))),
			} {
				caller, err := v.Validate(t.Context(), s.sign(s.header(extra), other))
				require.NoError(t, err, extra)
				require.EqualValues(t, "teacher-2", caller.User)
			}
			t.Logf("%d attacks", len(rows))
			total += len(rows)
		})
	}
	require.Zero(t, requested.Load(), "an address in a token was requested")
	t.Logf("%d attacks on %d algorithms", total, len(algorithms()))
}
