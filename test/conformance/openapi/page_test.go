package openapi_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// shownPage is what page.cjs prints.
type shownPage struct {
	// Problems are the errors and warnings of the browser's console.
	Problems []string
	// Hosts are the hosts that the browser sent requests to.
	Hosts []string
	// TooWide is by how many pixels the page is wider than the window.
	TooWide int `json:"too_wide"`
	// Status and Body are the answer to the request that was tried.
	Status, Body string
}

// TestDocsPageSendsRequests opens /docs in Chromium, authorizes, and asks for the status of a
// batch. The policy of the page must not block anything, and the page must load everything
// from the gateway. /redoc is the same page.
func TestDocsPageSendsRequests(t *testing.T) {
	t.Parallel()
	base := startGateway(t)
	require.Equal(t, fetch(t, base+"/docs"), fetch(t, base+"/redoc"))
	page := openPage(t, base+"/docs", harness.Token(teacher), batch)
	require.Empty(t, page.Problems)
	require.Equal(t, []string{strings.TrimPrefix(base, "http://")}, page.Hosts)
	require.LessOrEqual(t, page.TooWide, 0)
	require.Equal(t, "200", strings.TrimSpace(page.Status), page.Body)
	require.Contains(t, page.Body, `"batch_id": "`+batch+`"`)
}

// batch is a batch of the teacher.
const batch = "batch-anna-1"

// openPage opens a page in Chromium and tries a request.
func openPage(t *testing.T, args ...string) shownPage {
	t.Helper()
	modules, err := exec.Command("../node.sh").Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == exitNoTool {
		skipOrFail(t, string(ended.Stderr))
	}
	require.NoError(t, err)
	if _, err := exec.LookPath("chromium"); err != nil && os.Getenv("CHROMIUM") == "" {
		skipOrFail(t, "Chromium is not installed")
	}
	command := exec.Command("node", append([]string{"../page.cjs"}, args...)...)
	command.Env = append(os.Environ(), "NODE_PATH="+strings.TrimSpace(string(modules)))
	stderr := &strings.Builder{}
	command.Stderr = stderr
	output, err := command.Output()
	require.NoError(t, err, "%s", stderr)
	var page shownPage
	require.NoError(t, json.Unmarshal(output, &page), "%s", output)
	return page
}
