package reply

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// errorReply is an error reply of a server.
type errorReply string

func (r errorReply) Error() string { return string(r) }
func (errorReply) RedisError()     {}

func TestRepliesAreTemporaryFinalOrUnknown(t *testing.T) {
	for text, want := range map[string]string{
		"LOADING Redis is loading the dataset in memory":                                        "temporary",
		"ERR max number of clients reached":                                                     "temporary",
		"ERR Error running script (call to f_1): @user_script:3: -OOM command not allowed":      "temporary",
		"ERR Error running script (call to f_1): @user_script: 3: READONLY You can't write":     "temporary",
		"WRONGTYPE Operation against a key holding the wrong kind of value":                     "final",
		"ERR Error running script (call to f_1): @user_script:3: WRONGTYPE Operation":           "final",
		"ERR Error running script (call to f_1): @user_script:3: a text that names WRONGTYPE x": "unknown",
		"ERR a reply that quotes: WRONGTYPE Operation":                                          "unknown",
		"ERR a reply that quotes -OOM command":                                                  "unknown",
		"":                                                                                      "unknown",
	} {
		got := "unknown"
		switch err := errorReply(text); {
		case IsTemporary(err):
			got = "temporary"
		case IsFinal(err):
			got = "final"
		}
		require.Equal(t, want, got, text)
	}
}

func TestOutageIsASilentServerOrOneThatRefusesEverything(t *testing.T) {
	for cause, want := range map[error]bool{
		nil: false, goredis.ErrClosed: false, goredis.Nil: false, ErrUnexpectedResult: false,
		errors.New("redis: can't parse \"HTTP/1.1 400\""):           false,
		fmt.Errorf("ping: %w", errorReply("NOPERM no permissions")): false,
		errorReply("WRONGTYPE Operation"):                           false,
		errorReply("MOVED 1 10.0.0.1:6379"):                         false,
		errorReply("LOADING Redis is loading"):                      true,
		errorReply("OOM command not allowed"):                       true,
		io.EOF:                                                      true,
		errors.New("dial tcp: connection refused"):                  true,
	} {
		require.Equal(t, want, Outage(cause) != nil, "%v", cause)
	}
	got := Outage(errorReply("LOADING at 10.0.0.1:6379"))
	require.EqualError(t, got, "LOADING at (address)")
}

func TestOnlyRepliesAreRedacted(t *testing.T) {
	require.NoError(t, Redacted(nil))
	require.Equal(t, io.EOF, Redacted(io.EOF))
	var stored *domain.StoreReply
	require.ErrorAs(t, Redacted(errorReply("ERR 'hunter2'")), &stored)
	require.Equal(t, "ERR (...)", stored.Text)
}

func TestRedactedTextIsCutAtACharacter(t *testing.T) {
	longest := strings.Repeat("ab ", maxReplyText/3) + "ab"
	require.Len(t, longest, maxReplyText)
	require.Equal(t, longest, redact(longest))
	require.Equal(t, longest, redact(longest+" c"))
	require.Equal(t, "a", truncate("aé", 2), "half a character is dropped")
}
