package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/env"
)

func TestPageIsCurrent(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	want, err := configurationText(root)
	require.NoError(t, err)
	have, err := os.ReadFile("../../" + configurationPage)
	require.NoError(t, err)
	if want != string(have) {
		t.Fatalf("%s is not current; run: go run ./test/docs\n%s", configurationPage, firstDifference(string(have), want))
	}
}

// firstDifference returns the first line in which two texts differ.
func firstDifference(have, want string) string {
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "have: " + a[i] + "\nwant: " + b[i]
		}
	}
	return "one text is longer"
}

// TestPageNamesTheContract checks that the page lists the variables of the wire contract.
func TestPageNamesTheContract(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	text, err := configurationText(root)
	require.NoError(t, err)
	for _, name := range []string{
		"ENVIRONMENT", "JWT_SECRET_KEY", "JWT_ORG_ID_CLAIM_NAMES", "API_GATEWAY_HTTP_PORT", "API_GATEWAY_BOS_URL",
		"BATCH_ORCHESTRATOR_SERVICE_URL", "API_GATEWAY_RESULT_AGGREGATOR_URL", "HULEEDU_INTERNAL_API_KEY",
		"API_GATEWAY_KAFKA_PUBLISH_TIMEOUT", "WEBSOCKET_PORT", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "NOTIFICATION_LOG_MAX",
		"WEBSOCKET_MAX_CONNECTIONS_PER_USER", "WEBSOCKET_CHANNEL_PREFIX", "REDIS_CHANNEL_PREFIX", "CORS_ORIGINS", "LOG_LEVEL",
	} {
		require.Contains(t, text, "`"+name+"`")
	}
}

func TestRow(t *testing.T) {
	require.Equal(t,
		"| `A`, `B` | `x\\|y` | text | how long it takes. Or not. |\n",
		row(env.Setting{Name: "A", Aliases: []string{"B"}, Default: "x|y", Kind: "text", Field: "Wait"}, "Wait is how long\nit takes. Or not."))
	for comment, want := range map[string]string{
		"Brokers bounds a call.": "bounds a call.", "Brokers of the cluster.": "Brokers of the cluster.",
		"Brokers are many.": "many.", "The brokers.": "The brokers.", "": "",
	} {
		require.Equal(t, want, predicate(comment, "Brokers"))
	}
	require.Equal(t, "| `A` |  | secret | The key. |\n", row(env.Setting{Name: "A", Kind: "secret", Field: "Key"}, "The key."))
}

func TestComments(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte(`package a
type C struct {
	// First line,
	// second line.
	A, B int
	D int // same line
	E int
}
type F func()
`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a_test.go"), []byte("no Go"), 0o600))
	c := newComments(dir)
	for field, want := range map[string]string{"A": "First line,\nsecond line.", "B": "First line,\nsecond line.", "D": "same line"} {
		text, err := c.of(module, "C", field)
		require.NoError(t, err)
		require.Equal(t, want, text)
	}
	for _, field := range []string{"E", "X"} {
		_, err := c.of(module, "C", field)
		require.ErrorIs(t, err, errNoComment)
	}
	_, err := c.of(module+"/nowhere", "C", "A")
	require.ErrorIs(t, err, os.ErrNotExist)
}
