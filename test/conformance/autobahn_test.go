package conformance_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
	mode string // plain or deflate
	// parts run beside each other, each a client with cases of its own: one
	// client is slower than the echo.
	parts [][]string
	count int // of cases, so that one that did not run does not go unseen
}

// TestAutobahn: the protocol, all of it but for compression.
func TestAutobahn(t *testing.T) {
	t.Parallel()
	suite{plain, [][]string{{"1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"}}, 301}.run(t)
}

// TestAutobahnCompressed: compression. Of every group the first seven cases are
// run, with messages of up to 16 KiB; the suite's own slowness makes the others, up
// to 128 KiB, a matter of half an hour, for which one has to ask.
func TestAutobahnCompressed(t *testing.T) {
	t.Parallel()
	const compressions = 12
	cases := 7
	if os.Getenv(everything) != "" {
		cases = 18
	}
	// The groups are the suite's texts for 12 and its offers of parameters for 13.
	groups := map[int]int{12: 5, 13: 7}
	s := suite{mode: deflate, parts: make([][]string, 2), count: compressions * cases}
	for major, groups := range groups {
		for group := range groups {
			for n := range cases {
				part := &s.parts[(n+group)%len(s.parts)]
				*part = append(*part, fmt.Sprintf("%d.%d.%d", major, group+1, n+1))
			}
		}
	}
	s.run(t)
}

// result is what the suite says of a case.
type result struct{ Behavior, BehaviorClose string }

// run judges a fresh echo.
func (s suite) run(t *testing.T) {
	t.Helper()
	address := echo(t, s.mode)
	all := make([]map[string]result, len(s.parts))
	t.Run("cases", func(t *testing.T) {
		for i, cases := range s.parts {
			t.Run(strconv.Itoa(i+1), func(t *testing.T) {
				t.Parallel()
				all[i] = try(t, address, cases)
			})
		}
	})
	s.judge(t, all)
}

// try lets a client of the suite try cases and returns its report.
func try(t *testing.T, address string, cases []string) map[string]result {
	t.Helper()
	out := t.TempDir()
	list, err := json.Marshal(cases)
	require.NoError(t, err)
	text, err := exec.Command("./autobahn.sh", "ws://"+address+"/ws?token=u1", out, string(list)).CombinedOutput()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == noInterpreter {
		// Nothing installs one, so not even a run that demands everything can.
		t.Skip("SKIPPED: there is no Python 2.7 on this machine for Autobahn's suite; PYTHON27 may name one")
	}
	require.NoError(t, err, "%s\n%s", text, tail(filepath.Join(out, "wstest.log")))
	raw, err := os.ReadFile(filepath.Join(out, "index.json"))
	require.NoError(t, err)
	var agents map[string]map[string]result
	require.NoError(t, json.Unmarshal(raw, &agents))
	return agents["edge"]
}

// judge demands that every case ran and passed.
func (s suite) judge(t *testing.T, reports []map[string]result) {
	t.Helper()
	var lax, declined []string
	count := 0
	for _, report := range reports {
		if report == nil {
			t.Skip("SKIPPED, or failed before it had a report")
		}
		for id, c := range report {
			count++
			switch c.Behavior {
			case "OK", "INFORMATIONAL":
			case "UNIMPLEMENTED": // the parameters of compression that were offered
				declined = append(declined, id)
			case "NON-STRICT":
				lax = append(lax, id)
			default:
				t.Errorf("case %s: %s", id, c.Behavior)
			}
			if c.BehaviorClose != "OK" && c.BehaviorClose != "INFORMATIONAL" {
				t.Errorf("case %s: closed %s", id, c.BehaviorClose)
			}
		}
	}
	require.Equal(t, s.count, count, "cases that ran")
	require.LessOrEqual(t, len(lax), strictEnough, "%v", lax)
	t.Logf("%s: %d cases, not strict: %v, declined: %v", s.mode, s.count, lax, declined)
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
