package conformance_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// everything asks for the cases that take long as well.
const everything = "EDGE_CONFORMANCE_FULL"

// noInterpreter is how autobahn.sh says that there is no Python 2.7.
const noInterpreter = 77

// strictEnough is how many cases may end in a way that the suite allows and
// does not love. Four do: text is looked at when it is whole, not as it comes.
const strictEnough = 11

// The modes of the echo.
const (
	plain   = "plain"
	deflate = "deflate"
)

// suite is a run of Autobahn's cases.
type suite struct {
	mode  string // plain or deflate
	cases []string
	count int // of cases, so that one that did not run does not go unseen
}

// TestAutobahn: the protocol, all of it but for compression.
func TestAutobahn(t *testing.T) {
	t.Parallel()
	suite{plain, []string{"1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"}, 301}.run(t)
}

// TestAutobahnCompressed: compression. Of every group the first cases are run,
// with messages of up to 4 KiB; the suite's own slowness makes the others, up
// to 128 KiB, a matter of half an hour, for which one has to ask.
func TestAutobahnCompressed(t *testing.T) {
	t.Parallel()
	if os.Getenv(everything) != "" {
		suite{deflate, []string{"12.*", "13.*"}, 216}.run(t)
		return
	}
	const first, last, each = 12, 13, 5
	s := suite{mode: deflate}
	for major, groups := range map[int]int{first: 5, last: 7} {
		for group := range groups {
			for n := range each {
				s.cases = append(s.cases, fmt.Sprintf("%d.%d.%d", major, group+1, n+1))
			}
		}
	}
	s.count = len(s.cases)
	s.run(t)
}

// run judges a fresh echo.
func (s suite) run(t *testing.T) {
	t.Helper()
	out := t.TempDir()
	cases, err := json.Marshal(s.cases)
	require.NoError(t, err)
	text, err := exec.Command("./autobahn.sh", "ws://"+echo(t, s.mode)+"/ws?token=u1", out, string(cases)).CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == noInterpreter {
		// Nothing installs one, so not even a run that demands everything can.
		t.Skip("SKIPPED: there is no Python 2.7 on this machine for Autobahn's suite; PYTHON27 may name one")
	}
	require.NoError(t, err, "%s\n%s", text, tail(filepath.Join(out, "wstest.log")))
	s.judge(t, filepath.Join(out, "index.json"))
}

// judge reads the suite's report.
func (s suite) judge(t *testing.T, report string) {
	t.Helper()
	raw, err := os.ReadFile(report)
	require.NoError(t, err)
	var agents map[string]map[string]struct{ Behavior, BehaviorClose string }
	require.NoError(t, json.Unmarshal(raw, &agents))
	var lax []string
	for id, c := range agents["edge"] {
		switch c.Behavior {
		case "OK", "INFORMATIONAL", "UNIMPLEMENTED":
		case "NON-STRICT":
			lax = append(lax, id)
		default:
			t.Errorf("case %s: %s", id, c.Behavior)
		}
		if c.BehaviorClose != "OK" && c.BehaviorClose != "INFORMATIONAL" {
			t.Errorf("case %s: closed %s", id, c.BehaviorClose)
		}
	}
	require.Len(t, agents["edge"], s.count, "cases that ran")
	require.LessOrEqual(t, len(lax), strictEnough, "%v", lax)
	t.Logf("%s: %d cases, not strict: %v", s.mode, s.count, lax)
}

// echo starts the test binary of the sockets' package, which serves them as the
// service does and echoes, and returns its address.
func echo(t *testing.T, mode string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "echo")
	args := []string{"test", "-c", "-o", program}
	if raced && mode == plain { // inflating under the detector takes ten times as long
		args = append(args, "-race")
	}
	text, err := exec.Command("go", append(args, "github.com/huleedu/edge/adapters/websocket")...).CombinedOutput()
	require.NoError(t, err, "%s", text)
	server := exec.Command(program, "echo", mode)
	server.Stderr = os.Stderr // of a race
	in, err := server.StdinPipe()
	require.NoError(t, err)
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	address, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		require.NoError(t, server.Wait(), "the echo, or a race in it")
	})
	return strings.TrimSpace(address)
}

// tail is the end of a file, or nothing.
func tail(path string) string {
	const shown = 2 << 10
	text, _ := os.ReadFile(path) // it may not have come so far
	return string(text[max(0, len(text)-shown):])
}
