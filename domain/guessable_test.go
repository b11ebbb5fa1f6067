package domain_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestGuessableSecrets(t *testing.T) {
	for _, secret := range []string{
		"", "changeme", "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME", "change.me.in.production.0000000000", strings.Repeat("a", 64),
		strings.Repeat("ab", 32), strings.Repeat("x7Qp9Lm2", 8), strings.Repeat("x7Qp9Lm2", 8) + "x7Q", "huleedu-edge-development-secret-not-for-production",
		"a-string-secret-at-least-256-bits-long", "dev-internal-api-key-dev-internal-api-key", "your-secret-key-goes-here-please-change", "abcdefghijklmnopqrstuvwxyz0123456789",
		"my_internal_key_my_internal_key_xyz", "0123456789abcdef0123456789abcdef", "PasswordPasswordPasswordPassword1",
	} {
		require.True(t, domain.Secret(secret).Guessable(), secret)
	}
	for range 1000 {
		random := make([]byte, 32)
		_, err := rand.Read(random)
		require.NoError(t, err)
		require.False(t, domain.Secret(base64.StdEncoding.EncodeToString(random)).Guessable())
		require.False(t, domain.Secret(hex.EncodeToString(random)).Guessable())
	}
}
