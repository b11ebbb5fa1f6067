package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/wire"
)

// strongSecret is a secret that is strong enough for production.
const strongSecret = "8fJq2LzX7vRwK0tYbN4mDcHsGpEu9aWi"

func services() map[string]func() any {
	return map[string]func() any{
		"gateway":      func() any { return &wire.GatewayConfig{} },
		"notification": func() any { return &wire.WebSocketConfig{} },
	}
}

// TestDefaultsAreValidExceptForTheKey checks that JWT_SECRET_KEY is the only required setting.
func TestDefaultsAreValidExceptForTheKey(t *testing.T) {
	for name, config := range services() {
		require.NoError(t, env.Read(config(), map[string]string{"JWT_SECRET_KEY": strongSecret}), name)
		require.Equal(t, []string{"JWT_SECRET_KEY: is required for HS256; there is no default secret"},
			env.Explain(env.Read(config(), nil)), name)
	}
}

// TestNoSettingIsQuoted checks that invalid values are rejected and never printed.
func TestNoSettingIsQuoted(t *testing.T) {
	const value = "\x01geheim\x01"
	for name, config := range services() {
		vars := map[string]string{}
		for _, setting := range env.Settings(config()) {
			vars[setting.Name] = value
		}
		lines := env.Explain(env.Read(config(), vars))
		require.Greater(t, len(lines), 10, name)
		for _, line := range lines {
			require.NotContains(t, line, "geheim", name)
		}
	}
}

// TestProductionRefusesWeakSettings checks that all problems are listed at once.
func TestProductionRejectsWeakSettings(t *testing.T) {
	gateway := env.Explain(env.Read(&wire.GatewayConfig{}, map[string]string{
		"ENVIRONMENT": "production", "JWT_SECRET_KEY": "changeme", "JWT_AUDIENCE": "", "JWT_ISSUER": "",
		"API_GATEWAY_BOS_URL": "", "API_GATEWAY_CORS_ORIGINS": `["*"]`,
	}))
	for _, name := range []string{
		"JWT_SECRET_KEY", "JWT_AUDIENCE", "JWT_ISSUER", "HULEEDU_INTERNAL_API_KEY", "API_GATEWAY_BOS_URL", "API_GATEWAY_CORS_ORIGINS",
	} {
		require.True(t, containsVariable(gateway, name), "%s is not among %q", name, gateway)
	}
	socket := env.Explain(env.Read(&wire.WebSocketConfig{}, map[string]string{
		"ENVIRONMENT": "production", "JWT_SECRET_KEY": "changeme", "JWT_AUDIENCE": "", "JWT_ISSUER": "", "CORS_ORIGINS": `["*"]`,
	}))
	for _, name := range []string{"JWT_SECRET_KEY", "JWT_AUDIENCE", "JWT_ISSUER", "CORS_ORIGINS"} {
		require.True(t, containsVariable(socket, name), "%s is not among %q", name, socket)
	}
}

// containsVariable reports whether a line is about the variable, with or without its prefix.
func containsVariable(lines []string, variable string) bool {
	for _, line := range lines {
		if name, _, found := strings.Cut(line, ": "); found && (name == variable || name == "API_GATEWAY_"+variable) {
			return true
		}
	}
	return false
}
