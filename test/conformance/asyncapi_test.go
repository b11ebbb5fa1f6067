package conformance_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/api"
)

// TestAsyncAPI: the specification's own parser has nothing against the contract.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	require.Empty(t, complaints(t, string(api.AsyncAPI())))
}

// TestBrokenAsyncAPI: it would have, were there a reason.
func TestBrokenAsyncAPI(t *testing.T) {
	t.Parallel()
	good := string(api.AsyncAPI())
	for what, broken := range map[string]string{
		"a schema that is none":            strings.Replace(good, "minLength: 1", "minLength: one", 1),
		"a message that a channel has not": strings.Replace(good, "#/channels/socket/messages/pong", "#/components/messages/Pong", 1),
	} {
		require.NotEqual(t, good, broken, what)
		require.NotEmpty(t, complaints(t, broken), what)
	}
}

func complaints(t *testing.T, document string) string {
	t.Helper()
	c := exec.Command("node", "asyncapi.cjs")
	c.Env = append(os.Environ(), "NODE_PATH="+modules(t))
	c.Stdin = strings.NewReader(document)
	said := &bytes.Buffer{}
	c.Stderr = said
	found, err := c.Output()
	require.NoError(t, err, "%s", said)
	return string(found)
}
