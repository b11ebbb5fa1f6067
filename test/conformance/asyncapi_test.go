package conformance_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/api"
	"github.com/huleedu/edge/test/harness"
)

// TestAsyncAPI checks the document with the official AsyncAPI parser.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	require.Empty(t, parserErrors(t, string(api.AsyncAPI())))
}

// TestInvalidAsyncAPIIsReported checks that the parser reports errors.
func TestInvalidAsyncAPIIsReported(t *testing.T) {
	t.Parallel()
	good := string(api.AsyncAPI())
	for what, broken := range map[string]string{
		"an invalid schema":                strings.Replace(good, "minLength: 1", "minLength: one", 1),
		"a message missing in the channel": strings.Replace(good, "#/channels/socket/messages/pong", "#/components/messages/Pong", 1),
	} {
		require.NotEqual(t, good, broken, what)
		require.NotEmpty(t, parserErrors(t, broken), what)
	}
}

func parserErrors(t *testing.T, document string) string {
	t.Helper()
	c := exec.Command("node", "asyncapi.cjs")
	c.Env = append(os.Environ(), "NODE_PATH="+harness.NodeModules(t))
	c.Stdin = strings.NewReader(document)
	stderr := &bytes.Buffer{}
	c.Stderr = stderr
	found, err := c.Output()
	require.NoError(t, err, "%s", stderr)
	return string(found)
}
