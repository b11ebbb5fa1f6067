package wire_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

// material is a random secret that production accepts.
const material = "8fJq2LzX7vRwK0tYbN4mDcHsGpEu9aWi"

// production returns valid settings of both services in production.
func production() map[string]string {
	return map[string]string{
		"ENVIRONMENT": "production", "JWT_SECRET_KEY": material, "HULEEDU_INTERNAL_API_KEY": "Zr5xQm8KpW2vTn7LcY4jHd9BsGf3aEuN",
		"CORS_ORIGINS": `["https://app.example.org"]`, "API_GATEWAY_CORS_ORIGINS": `["https://app.example.org"]`,
	}
}

// rule is one setting that makes valid settings invalid in production.
type rule struct {
	set map[string]string
	// named is the variable that the problem names.
	named string
	// only is the service that has the setting; empty: both.
	only string
	// everywhere reports that every environment rejects it.
	everywhere bool
}

const gatewayOnly, nodeOnly = "gateway", "notification"

// publicPEM is a public key that an operator may set in place of a secret.
const publicPEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"

func rules() map[string]rule {
	one := func(name, value string) map[string]string { return map[string]string{name: value} }
	out := map[string]rule{
		"no secret":                 {one("JWT_SECRET_KEY", ""), "JWT_SECRET_KEY", "", true},
		"a secret of 31 bytes":      {one("JWT_SECRET_KEY", material[:31]), "JWT_SECRET_KEY", "", false},
		"a well-known secret":       {one("JWT_SECRET_KEY", "a-string-secret-at-least-256-bits-long"), "JWT_SECRET_KEY", "", false},
		"the example's secret":      {one("JWT_SECRET_KEY", "huleedu-edge-development-secret-not-for-production"), "JWT_SECRET_KEY", "", false},
		"one byte repeated":         {one("JWT_SECRET_KEY", strings.Repeat("k", 64)), "JWT_SECRET_KEY", "", false},
		"an old secret of 31 bytes": {one("JWT_SECRET_KEY_PREVIOUS", material[1:]), "JWT_SECRET_KEY_PREVIOUS", "", false},
		"an old guessable secret":   {one("JWT_SECRET_KEY_PREVIOUS", strings.Repeat("k", 64)), "JWT_SECRET_KEY_PREVIOUS", "", false},
		"a blank old secret":        {one("JWT_SECRET_KEY_PREVIOUS", " "), "JWT_SECRET_KEY_PREVIOUS", "", true},
		"a PEM as secret":           {one("JWT_SECRET_KEY", publicPEM), "JWT_SECRET_KEY", "", false},
		"no audience":               {one("JWT_AUDIENCE", ""), "JWT_AUDIENCE", "", false},
		"no issuer":                 {one("JWT_ISSUER", ""), "JWT_ISSUER", "", false},
		"keys over http":            {map[string]string{"JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": "http://identity/keys"}, "JWT_JWKS_URL", "", false},
		"two PEM blocks":            {map[string]string{"JWT_ALGORITHM": "EdDSA", "JWT_PUBLIC_KEY": publicPEM + publicPEM}, "JWT_PUBLIC_KEY", "", true},
		"text behind the PEM":       {map[string]string{"JWT_ALGORITHM": "EdDSA", "JWT_PUBLIC_KEY": publicPEM + "more"}, "JWT_PUBLIC_KEY", "", true},
		"Redis unverified":          {one("REDIS_URL", "rediss://u:p@redis.example.org:6379?skip_verify=true"), "REDIS_URL", "", false},
		"cluster unverified":        {one("REDIS_URL", "rediss://redis.example.org:6379?addr=b.example.org:6379&skip_verify=1"), "REDIS_URL", "", true},
		"no internal key":           {one("HULEEDU_INTERNAL_API_KEY", ""), "HULEEDU_INTERNAL_API_KEY", gatewayOnly, false},
		"internal key, 31":          {one("HULEEDU_INTERNAL_API_KEY", material[1:]), "HULEEDU_INTERNAL_API_KEY", gatewayOnly, false},
		"internal key, example":     {one("HULEEDU_INTERNAL_API_KEY", "changeme-changeme-changeme-changeme"), "HULEEDU_INTERNAL_API_KEY", gatewayOnly, false},
		"internal key, one byte":    {one("HULEEDU_INTERNAL_API_KEY", strings.Repeat("0", 40)), "HULEEDU_INTERNAL_API_KEY", gatewayOnly, false},
		"internal key, dev":         {one("HULEEDU_INTERNAL_API_KEY", "huleedu-dev-internal-key-0000000000000000"), "HULEEDU_INTERNAL_API_KEY", gatewayOnly, false},
		"no preflight":              {one("API_GATEWAY_BOS_URL", ""), "API_GATEWAY_BOS_URL", gatewayOnly, false},
		"SASL PLAIN in clear": {map[string]string{
			"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "p",
		}, "KAFKA_SECURITY_PROTOCOL", "", false},
	}
	for service, prefix := range map[string]string{gatewayOnly: "API_GATEWAY_", nodeOnly: ""} {
		name := prefix + "CORS_ORIGINS"
		out[service+": all origins"] = rule{
			map[string]string{name: `["*"]`, prefix + "CORS_ALLOW_CREDENTIALS": "false"}, name, service, false,
		}
		out[service+": all origins with credentials"] = rule{one(name, `["*"]`), name, service, true}
		for _, entry := range []string{
			"https://*.example.org", "https://app.example.org/", "https://app.example.org/a", "https://u:p@app.example.org", "app.example.org",
		} {
			out[service+": origin "+entry] = rule{one(name, `["`+entry+`"]`), name, service, true}
		}
	}
	for service, prefix := range map[string]string{gatewayOnly: "API_GATEWAY_", nodeOnly: "WEBSOCKET_"} {
		name := prefix + "TRUSTED_PROXIES"
		for _, list := range []string{"0.0.0.0/0", "::/0", "0.0.0.0/1,128.0.0.0/1", "10.0.0.0/8, ::/1, 8000::/1"} {
			out[service+": proxies "+list] = rule{one(name, list), name, service, false}
		}
	}
	return out
}

// read reads the settings of one service and returns the problems and the warnings.
func read(service string, vars map[string]string) (problems, warnings []string) {
	if service == gatewayOnly {
		var c wire.GatewayConfig
		problems = env.Explain(env.Read(&c, vars))
		return problems, env.Warnings(&c, vars)
	}
	var c wire.WebSocketConfig
	problems = env.Explain(env.Read(&c, vars))
	return problems, env.Warnings(&c, vars)
}

// Each rule alone prevents a start. The problem names the variable and does not quote
// its value. The valid settings have no problem.
func TestProductionRules(t *testing.T) {
	for _, service := range []string{gatewayOnly, nodeOnly} {
		problems, warnings := read(service, production())
		require.Empty(t, problems, service)
		require.Empty(t, warnings, service)
		for name, r := range rules() {
			if r.only != "" && r.only != service {
				continue
			}
			t.Run(service+"/"+name, func(t *testing.T) {
				vars := production()
				maps.Copy(vars, r.set)
				problems, _ := read(service, vars)
				require.NotEmpty(t, problems)
				for _, line := range problems {
					require.True(t, strings.HasPrefix(line, r.named+": "), line)
					if value := r.set[r.named]; len(value) > 3 {
						require.NotContains(t, line, value)
					}
				}
				vars["ENVIRONMENT"] = "staging"
				problems, _ = read(service, vars)
				require.Equal(t, r.everywhere, len(problems) > 0, problems)
			})
		}
	}
}

// One start lists every problem.
func TestProductionListsAllRulesAtOnce(t *testing.T) {
	for _, service := range []string{gatewayOnly, nodeOnly} {
		vars, want := production(), map[string]bool{}
		for _, r := range rules() {
			if (r.only == "" || r.only == service) && r.set["JWT_ALGORITHM"] == "" {
				maps.Copy(vars, r.set)
				want[r.named] = true
			}
		}
		problems, _ := read(service, vars)
		for name := range want {
			require.True(t, slices.ContainsFunc(problems, func(line string) bool { return strings.HasPrefix(line, name+": ") }), "%s in %q", name, problems)
		}
	}
}

// These settings are weak or ignored, but never stop a start.
func TestProductionWarns(t *testing.T) {
	scram := map[string]string{
		"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "p",
	}
	for service, prefix := range map[string]string{gatewayOnly: "API_GATEWAY_", nodeOnly: ""} {
		for name, set := range map[string]map[string]string{
			"KAFKA_SECURITY_PROTOCOL": scram,
			prefix + "CORS_ORIGINS":   {prefix + "CORS_ORIGINS": `["http://localhost:3000","http://127.0.0.1:80"]`},
		} {
			vars := production()
			maps.Copy(vars, set)
			problems, warnings := read(service, vars)
			require.Empty(t, problems)
			require.Len(t, warnings, 1, "%s %s", service, name)
			require.True(t, strings.HasPrefix(warnings[0], name+": "), warnings[0])
			vars["ENVIRONMENT"] = "staging"
			_, warnings = read(service, vars)
			require.Empty(t, warnings)
		}
	}
}

func TestEmptyOpenTelemetryVariablesStartAService(t *testing.T) {
	vars := map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": material,
		"OTEL_TRACES_EXPORTER": "", "OTEL_TRACES_SAMPLER": "", "OTEL_EXPORTER_OTLP_PROTOCOL": "",
	}
	report := wire.WebSocketCommand().Report(wire.Environment(vars))
	require.Empty(t, report.Problems)
}
