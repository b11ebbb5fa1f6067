package deploy_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// runbook holds the commands of an alert's section in docs/operations.md.
type runbook struct {
	look []runbookCommand // below "Look at"
	do   []runbookCommand // below "Do"
}

// runbookCommand is one line of a code block.
type runbookCommand struct {
	language string // sh or promql
	text     string
}

// uses reports whether the line calls the program.
func (c runbookCommand) uses(program string) bool {
	return c.language == "sh" && regexp.MustCompile(`(^|[|;&] *)`+regexp.QuoteMeta(program)+` `).MatchString(c.text)
}

// endless reports whether the program of the line runs until it is interrupted.
func (c runbookCommand) endless() bool { return c.uses("edge listen") || c.uses("edge tail") }

// runbooks reads the section of each alert.
func runbooks(t *testing.T) map[string]runbook {
	t.Helper()
	_, text, found := strings.Cut(read(t, "docs/operations.md"), "\n## Alerts\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "\n## ")
	out := map[string]runbook{}
	for _, section := range strings.Split(text, "\n### ")[1:] {
		alert, body, _ := strings.Cut(section, "\n")
		look, do, found := strings.Cut(body, "**Do:**")
		require.True(t, found, alert)
		out[alert] = runbook{look: codeLines(look), do: codeLines(do)}
	}
	return out
}

// codeLines returns the lines of all code blocks.
func codeLines(text string) (out []runbookCommand) {
	for _, block := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[2]) {
			out = append(out, runbookCommand{language: block[1], text: strings.TrimSpace(line)})
		}
	}
	return out
}

// TestRunbooksHaveValidCommands checks that each alert has commands for the cause and for the
// repair, that each expression names existing metrics, and that each command line is valid: it
// runs with stand-ins for the programs that need a cluster, which check their arguments.
func TestRunbooksHaveValidCommands(t *testing.T) {
	known, tools := exported(t), newRunbookTools(t)
	for alert, book := range runbooks(t) {
		require.NotEmpty(t, book.look, alert)
		require.NotEmpty(t, book.do, alert)
		for _, c := range append(book.look, book.do...) {
			switch {
			case c.language == "promql":
				requireKnownMetrics(t, c.text, known)
			case c.uses("redis-cli") || c.uses("edge"): // run on servers, by the faults
			default:
				out, _ := tools.run(c) // grep finds nothing here
				require.NotRegexp(t, invalidCommand(), out, "%s: %s", alert, c.text)
			}
		}
	}
}

// TestRunbookToolsRejectInvalidCommands checks the stand-ins.
func TestRunbookToolsRejectInvalidCommands(t *testing.T) {
	tools := newRunbookTools(t)
	for _, line := range []string{
		`kubectl -n other get pods`, `kubectl get pods`, `kubectl -n $NS get pods -l app.kubernetes.io/name=gateway`,
		`kubectl -n $NS rollout undo deployment/gateway`, `kubectl -n $NS rollout repair deployment/edge-gateway`,
		`kubectl -n $NS logs -l app.kubernetes.io/name=edge-gateway --lines=3`, `kubectl -n $NS exec deploy/edge-gateway -- /websocket --healthcheck`,
		`kubectl -n $NS logs absent`, `kubectl -n $NS drop pod "$POD"`,
		`kafka-topics.sh --bootstrap-server $KAFKA --describe --topic absent`, `kafka-topics.sh --describe`,
		`kafka-consumer-groups.sh --bootstrap-server $KAFKA --describe --group absent`, `no-such-program`, `echo "`,
	} {
		out, err := tools.run(runbookCommand{"sh", line})
		require.Error(t, err, line)
		require.Regexp(t, invalidCommand(), out, line)
	}
	out, err := tools.run(runbookCommand{"sh", `kubectl -n $NS get pods -l 'app.kubernetes.io/name in (edge-gateway)' | grep gateway`})
	require.NoError(t, err, out)
}

// requireKnownMetrics checks that the expression parses and names only these metrics.
func requireKnownMetrics(t *testing.T, text string, known map[string]bool) {
	t.Helper()
	expr, err := promQL().ParseExpr(text)
	require.NoError(t, err, text)
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			require.True(t, known[s.Name], "%s in %s", s.Name, text)
		}
		return nil
	})
}
