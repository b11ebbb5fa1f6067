package reply

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRedactRemovesPrivateParts(t *testing.T) {
	for reply, want := range map[string]string{
		"ERR This instance has cluster support disabled":                      "ERR This instance has cluster support disabled",
		"ERR DB index is out of range":                                        "ERR DB index is out of range",
		"MOVED 3999 10.0.0.7:6381":                                            "MOVED 3999 (address)",
		"ERR unknown command 'AUTH', with args beginning with: 'hunter2' ":    "ERR unknown command (...), with args beginning with: (...)",
		"ERR unknown command `AUTH`, with args beginning with: `hunter2`, `x": "ERR unknown command (...), with args beginning with: (...)",
		"ERR unknown command 'x', with args beginning with: 'it's hunter2' ":  "ERR unknown command (...), with args beginning with: (...)",
		"upstream redis-1.internal.example:6379 failed":                       "upstream (address) failed",
		"upstream redis:6379 failed":                                          "upstream (address) failed",
		"connect to [2001:db8::1]:6379 failed":                                "connect to (address) failed",
		"dial rediss://user:hunter2@host/0?x=1 failed":                        "dial (address) failed",
		"ERR password: hunter2 and token=abc":                                 "ERR password: (...) and token=(...)",
		"ERR the credential QUtJQUlPU0ZPRE5ON0VYQU1QTEU0NTY3ODkw was refused": "ERR the credential (...) was refused",
		"a\x00b\r\n\xff\u202ec":                                               "a b c",
		"":                                                                    "",
		"ERR string exceeds maximum allowed size (proto-max-bulk-len)":        "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
	} {
		require.Equal(t, want, redact(reply), reply)
	}
	require.LessOrEqual(t, len(redact(strings.Repeat("é ", 100_000))), maxReplyText)
}

func FuzzRedact(f *testing.F) {
	f.Add("ERR 'a' \"b\" 10.0.0.1:1 redis://x")
	f.Add("\xff\xfe'")
	f.Fuzz(func(t *testing.T, reply string) {
		got := redact(reply)
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), maxReplyText)
		require.NotContains(t, got, "\n")
		if !strings.Contains(reply, "hunter2") {
			require.NotContains(t, redact("ERR 'hunter2' "+reply), "hunter2")
		}
	})
}
