package contract

import (
	"encoding/base64"
	"maps"
	"strings"
	"time"
)

// invalidToken is an invalid token with the expected error.
type invalidToken struct{ token, message, reason, cause string }

func expired(token string) invalidToken {
	return invalidToken{token, "Token has expired", "jwt_expired", "expired"}
}

func withoutExpiry(token string) invalidToken {
	return invalidToken{token, "Token missing expiration claim", "missing_exp", "expiration"}
}

func withoutSubject(token string) invalidToken {
	return invalidToken{token, "Invalid token payload: missing subject", "missing_subject", "subject"}
}

func invalid(cause, token string) invalidToken {
	return invalidToken{token, "Invalid token", "jwt_invalid", cause}
}

// invalidTokens returns the invalid tokens of the wire contract, with every variant of each.
func invalidTokens(h ValidatorHarness) map[string]invalidToken {
	all := map[string]invalidToken{"no token": {"", "Not authenticated", "missing_authorization_header", ""}}
	for _, part := range []map[string]invalidToken{
		malformedTokens(h), invalidHeaders(h), invalidSignatures(h), invalidTimes(h), invalidPurposes(h), invalidSubjects(h), combinedFaults(h),
	} {
		maps.Copy(all, part)
	}
	return all
}

func malformedTokens(h ValidatorHarness) map[string]invalidToken {
	good := h.token(h.claims())
	parts := strings.Split(good, ".")
	payload := base64.RawURLEncoding.EncodeToString
	return map[string]invalidToken{
		"plain text":                 invalid("malformed", "not a token"),
		"two parts":                  invalid("malformed", parts[0]+"."+parts[1]),
		"four parts":                 invalid("malformed", good+".x"),
		"only dots":                  invalid("malformed", ".."),
		"no header":                  invalid("malformed", "."+parts[1]+"."+parts[2]),
		"no payload":                 invalid("malformed", parts[0]+".."+parts[2]),
		"padding":                    invalid("malformed", good+"="),
		"padded payload":             invalid("malformed", parts[0]+"."+parts[1]+"=."+parts[2]),
		"leading space":              invalid("malformed", " "+good),
		"trailing space":             invalid("malformed", good+" "),
		"trailing line feed":         invalid("malformed", good+"\n"),
		"line feed inside":           invalid("malformed", parts[0]+"."+parts[1][:4]+"\n"+parts[1][4:]+"."+parts[2]),
		"carriage return inside":     invalid("malformed", parts[0][:4]+"\r"+parts[0][4:]+"."+parts[1]+"."+parts[2]),
		"standard base64":            invalid("malformed", parts[0]+"."+parts[1]+"."+"+/"+parts[2][2:]),
		"NUL byte":                   invalid("malformed", good+"\x00"),
		"non-ASCII character":        invalid("malformed", good+"å"),
		"8 KiB plus one byte":        invalid("size", "x."+strings.Repeat("a", 8191)),
		"1 MiB":                      invalid("size", strings.Repeat("a", 1<<20)),
		"valid, over 8 KiB":          invalid("size", h.token(h.claims("x", strings.Repeat("a", 8192)))),
		"JSON serialisation":         invalid("malformed", `{"payload":"`+parts[1]+`","protected":"`+parts[0]+`","signature":"`+parts[2]+`"}`),
		"five parts, encrypted":      invalid("malformed", payload([]byte(`{"alg":"dir","enc":"A256GCM"}`))+"..a.b.c"),
		"header is not JSON":         invalid("malformed", payload([]byte(`alg`))+"."+parts[1]+"."+parts[2]),
		"header is a list":           invalid("malformed", payload([]byte(`[1]`))+"."+parts[1]+"."+parts[2]),
		"header is null":             invalid("malformed", payload([]byte(`null`))+"."+parts[1]+"."+parts[2]),
		"payload is not JSON":        invalid("malformed", h.Sign(h.header(), "hello")),
		"payload is a list":          invalid("malformed", h.Sign(h.header(), "[]")),
		"payload is null":            invalid("malformed", h.Sign(h.header(), "null")),
		"payload with trailing data": invalid("malformed", h.Sign(h.header(), h.claims().text()+"{}")),
		"truncated payload":          invalid("malformed", h.Sign(h.header(), strings.TrimSuffix(h.claims().text(), "}"))),
		"payload with invalid UTF-8": invalid("malformed", h.Sign(h.header(), h.claims().textWith("\"x\":\"\xff\""))),
		"subject twice":              invalid("malformed", h.Sign(h.header(), h.claims().textWith(`"sub":"teacher-2"`))),
		"subject twice, escaped":     invalid("malformed", h.Sign(h.header(), h.claims().textWith(`"s\u0075b":"teacher-2"`))),
		"expiry twice":               invalid("malformed", h.Sign(h.header(), h.claims().textWith(`"exp":9999999999`))),
		"an unknown claim twice":     invalid("malformed", h.Sign(h.header(), h.claims("x", 1).textWith(`"x":1`))),
		"payload is only a comma":    invalid("malformed", h.Sign(h.header(), `{,}`)),
	}
}

func invalidHeaders(h ValidatorHarness) map[string]invalidToken {
	claims := h.claims().text()
	header := func(changes ...any) string { return h.Sign(h.header(changes...), claims) }
	rows := map[string]invalidToken{
		"algorithm absent":        invalid("algorithm", header("alg", without)),
		"algorithm is a number":   invalid("malformed", header("alg", 256)),
		"algorithm in lower case": invalid("algorithm", header("alg", strings.ToLower(h.Algorithm))),
		"algorithm with a space":  invalid("algorithm", header("alg", h.Algorithm+" ")),
		"algorithm twice":         invalid("malformed", h.Sign(`{"alg":"none","alg":"`+h.Algorithm+`"}`, claims)),
		"alg escaped twice":       invalid("malformed", h.Sign(`{"alg":"`+h.Algorithm+`","\u0061lg":"none"}`, claims)),
		"crit unknown":            invalid("malformed", header("crit", []string{"x"}, "x", 1)),
		"crit empty":              invalid("malformed", header("crit", []string{})),
		"crit b64":                invalid("malformed", header("crit", []string{"b64"}, "b64", false)),
		"b64 false":               invalid("malformed", header("b64", false)),
		"typ of another protocol": invalid("malformed", header("typ", "dpop+jwt")),
		"typ is not a string":     invalid("malformed", header("typ", 1)),
		"kid is not a string":     invalid("malformed", header("kid", 1)),
		"kid is null":             invalid("malformed", header("kid", nil)),
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		unsigned := h.Sign(h.header("alg", none), claims)
		rows["algorithm "+none+", unsigned"] = invalid("algorithm", unsigned[:strings.LastIndexByte(unsigned, '.')+1])
		rows["algorithm "+none+", signed"] = invalid("algorithm", unsigned)
	}
	for _, name := range []string{"HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "ES256K"} {
		if name != h.Algorithm {
			rows["algorithm "+name] = invalid("algorithm", header("alg", name))
		}
	}
	return rows
}

func invalidSignatures(h ValidatorHarness) map[string]invalidToken {
	good := h.token(h.claims())
	cut := strings.LastIndexByte(good, '.') + 1
	other := h.token(h.claims("sub", "teacher-2"))
	parts, others := strings.Split(good, "."), strings.Split(other, ".")
	return map[string]invalidToken{
		"no signature":               invalid("signature", good[:cut]),
		"signature of zeros":         invalid("signature", good[:cut]+strings.Repeat("A", len(good)-cut)),
		"truncated signature":        invalid("signature", good[:cut+len("AAAA")]),
		"signature of another token": invalid("signature", parts[0]+"."+parts[1]+"."+others[2]),
		"payload of another token":   invalid("signature", parts[0]+"."+others[1]+"."+parts[2]),
		"unknown key":                invalid("signature", h.Forge(h.header(), h.claims().text())),
	}
}

func invalidTimes(h ValidatorHarness) map[string]invalidToken {
	now := time.Now().Unix()
	rows := map[string]invalidToken{
		"expired an hour ago":       expired(h.token(h.claims("exp", now-3600))),
		"expired within the leeway": expired(h.token(h.claims("exp", now-1))),
		"expires now":               expired(h.token(h.claims("exp", now))),
		"expired before 1970":       expired(h.token(h.claims("exp", -5))),
		"expired at zero":           expired(h.token(h.claims("exp", 0))),
		"no expiry":                 withoutExpiry(h.token(h.claims("exp", without))),
		"expiry in another case":    withoutExpiry(h.token(h.claims("exp", without, "EXP", now+60))),
		"not yet valid":             invalid("not_yet_valid", h.token(h.claims("nbf", now+60))),
		"issued in the future":      invalid("not_yet_valid", h.token(h.claims("iat", now+60))),
		"valid from year 9999":      invalid("not_yet_valid", h.token(h.claims("nbf", 253402300799))),
		"expiry 1e300":              invalid("malformed", h.Sign(h.header(), h.claims("exp", without).textWith(`"exp":1e300`))),
		"expiry 1e999":              invalid("malformed", h.Sign(h.header(), h.claims("exp", without).textWith(`"exp":1e999`))),
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		for kind, value := range map[string]any{
			"a string": "9999999999", "true": true, "null": nil, "a list": []int{1}, "an object": map[string]int{},
		} {
			rows[name+" is "+kind] = invalid("malformed", h.token(h.claims(name, value)))
		}
	}
	return rows
}

func invalidPurposes(h ValidatorHarness) map[string]invalidToken {
	return map[string]invalidToken{
		"no audience":               invalid("audience", h.token(h.claims("aud", without))),
		"another audience":          invalid("audience", h.token(h.claims("aud", "other"))),
		"audience as a prefix":      invalid("audience", h.token(h.claims("aud", h.Audience+"x"))),
		"audience in upper case":    invalid("audience", h.token(h.claims("aud", strings.ToUpper(h.Audience)))),
		"a list of other audiences": invalid("audience", h.token(h.claims("aud", []string{"a", "b"}))),
		"audience list in a list":   invalid("audience", h.token(h.claims("aud", []any{[]string{h.Audience}}))),
		"an empty audience list":    invalid("audience", h.token(h.claims("aud", []string{}))),
		"audience is a number":      invalid("audience", h.token(h.claims("aud", 1))),
		"audience is null":          invalid("audience", h.token(h.claims("aud", nil))),
		"no issuer":                 invalid("issuer", h.token(h.claims("iss", without))),
		"another issuer":            invalid("issuer", h.token(h.claims("iss", "other"))),
		"issuer in a list":          invalid("issuer", h.token(h.claims("iss", []string{h.Issuer}))),
		"issuer with a slash":       invalid("issuer", h.token(h.claims("iss", h.Issuer+"/"))),
		"a refresh token":           invalid("refresh_token", h.token(h.claims("typ", "refresh"))),
		"a Refresh token":           invalid("refresh_token", h.token(h.claims("typ", "Refresh"))),
	}
}

func invalidSubjects(h ValidatorHarness) map[string]invalidToken {
	subject := func(value any) string { return h.token(h.claims("sub", value)) }
	return map[string]invalidToken{
		"no subject":             withoutSubject(subject(without)),
		"empty subject":          withoutSubject(subject("")),
		"blank subject":          withoutSubject(subject(" \t ")),
		"subject is a number":    withoutSubject(subject(7)),
		"subject is null":        withoutSubject(subject(nil)),
		"subject is a list":      withoutSubject(subject([]string{"teacher-1"})),
		"subject is true":        withoutSubject(subject(true)),
		"subject too long":       invalid("subject", subject(strings.Repeat("å", 256))),
		"subject with NUL":       invalid("subject", subject("a\x00b")),
		"subject with line feed": invalid("subject", subject("a\nb")),
		"subject with DEL":       invalid("subject", subject("a\x7f")),
		"subject begins with }":  invalid("subject", subject("}a")),
	}
}

// combinedFaults checks the precedence of errors: the signature comes before all claims, and
// an expired token is reported as expired regardless of its other claims.
func combinedFaults(h ValidatorHarness) map[string]invalidToken {
	old := claimSet{"exp": time.Now().Unix() - 60}
	return map[string]invalidToken{
		"expired and forged":         invalid("signature", h.Forge(h.header(), h.claims().merged(old).text())),
		"no expiry and forged":       invalid("signature", h.Forge(h.header(), h.claims("exp", without).text())),
		"no subject and forged":      invalid("signature", h.Forge(h.header(), h.claims("sub", without).text())),
		"not JSON and forged":        invalid("signature", h.Forge(h.header(), "hello")),
		"other algorithm and forged": invalid("algorithm", h.Forge(h.header("alg", "none"), h.claims().text())),
		"expired, no subject":        expired(h.token(h.claims("sub", without).merged(old))),
		"expired, other audience":    expired(h.token(h.claims("aud", "other").merged(old))),
		"expired refresh token":      expired(h.token(h.claims("typ", "refresh").merged(old))),
		"expired, invalid iat":       invalid("malformed", h.token(h.claims("iat", "x").merged(old))),
		"other audience, no subject": invalid("audience", h.token(h.claims("aud", "other", "sub", without))),
		"other issuer and audience":  invalid("issuer", h.token(h.claims("aud", "other", "iss", "other"))),
		"refresh token, no subject":  invalid("refresh_token", h.token(h.claims("typ", "refresh", "sub", without))),
	}
}
