package faults_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// toxic is one manipulation of a direction of a connection, as toxiproxy's API reads it.
type toxic struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type"`
	// Stream is "upstream" for the bytes of the party that connects, "downstream" for the answers.
	Stream     string         `json:"stream"`
	Toxicity   float64        `json:"toxicity"`
	Attributes map[string]any `json:"attributes"`
}

// both returns the toxic for both directions.
func both(kind string, attributes map[string]any) []toxic {
	return []toxic{
		{Type: kind, Stream: "upstream", Toxicity: 1, Attributes: attributes},
		{Type: kind, Stream: "downstream", Toxicity: 1, Attributes: attributes},
	}
}

const (
	// cutCommandAfter is after how many bytes a connection is reset: within the first command or
	// request, or with the fourth pong of a socket.
	cutCommandAfter = 20
	// cutAnswerAfter is after how many bytes of answers a connection is reset.
	cutAnswerAfter = 300
)

// resetAfter returns a toxic that ends the connection after some bytes of one direction.
// Connections of a link with resets end with RST.
func resetAfter(direction string, bytes int) []toxic {
	return []toxic{{Type: "limit_data", Stream: direction, Toxicity: 1, Attributes: map[string]any{"bytes": bytes}}}
}

// lineFault is a failure of a network connection.
type lineFault struct {
	name   string
	toxics []toxic
	// resets makes all closes of the connection TCP resets.
	resets bool
	// breaks closes all connections at the end of the fault.
	breaks bool
}

// Names of the line faults, the columns of the table.
const (
	slowLine     = "latency 300 ± 200 ms"
	narrowLine   = "10 kB/s"
	halfOpenLine = "half-open"
	cutCommand   = "reset within a command"
	cutAnswer    = "reset within an answer"
	lateClose    = "close 3 s late"
	slicedLine   = "slices of 1 to 9 bytes"
	slowThenCut  = "latency 800 ms, then a break"
)

// lineFaults returns all failures of a connection.
func lineFaults() []lineFault {
	return []lineFault{
		{name: slowLine, toxics: both("latency", map[string]any{"latency": 300, "jitter": 200})},
		{name: narrowLine, toxics: both("bandwidth", map[string]any{"rate": 10})},
		{name: halfOpenLine, toxics: both("timeout", map[string]any{"timeout": 0})},
		{name: cutCommand, toxics: resetAfter("upstream", cutCommandAfter), resets: true},
		{name: cutAnswer, toxics: resetAfter("downstream", cutAnswerAfter), resets: true},
		{name: lateClose, toxics: both("slow_close", map[string]any{"delay": 3000})},
		{name: slicedLine, toxics: both("slicer", map[string]any{"average_size": 5, "size_variation": 4, "delay": 10})},
		{name: slowThenCut, toxics: both("latency", map[string]any{"latency": 800}), breaks: true},
	}
}

// lineFaultNamed returns the failure with this name.
func lineFaultNamed(t *testing.T, name string) lineFault {
	t.Helper()
	all := lineFaults()
	i := slices.IndexFunc(all, func(f lineFault) bool { return f.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return all[i]
}

// testName returns the name of a fault for a subtest.
func testName(fault string) string {
	return strings.NewReplacer(" ", "_", "/", "_per_", "±", "+-").Replace(fault)
}

// link is a proxy between two parties. Without a fault it forwards all bytes at once.
type link struct{ proxy *toxiproxy.Proxy }

// startLink starts a proxy to upstream on the address listen, which may have port 0. With
// resets, every close of a connection is a TCP reset.
func startLink(t *testing.T, listen, upstream string, resets bool) *link {
	t.Helper()
	l := &link{}
	l.open(t, listen, upstream)
	if resets {
		// reset_peer sets SO_LINGER of each new connection. With toxicity 0 it changes nothing else.
		l.add(t, toxic{Type: "reset_peer", Stream: "upstream", Attributes: map[string]any{}})
	}
	t.Cleanup(func() { l.proxy.Stop() })
	return l
}

// open starts a proxy without faults.
func (l *link) open(t *testing.T, listen, upstream string) {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l.proxy = toxiproxy.NewProxy(server, "link", listen, upstream)
	require.NoError(t, l.proxy.Start())
}

// linkTo starts a proxy on a free port.
func linkTo(t *testing.T, upstream string, f lineFault) *link {
	t.Helper()
	return startLink(t, "127.0.0.1:0", upstream, f.resets)
}

// linkToURL starts a proxy to the host of a URL and returns the URL of the proxy.
func linkToURL(t *testing.T, url string, f lineFault) (*link, string) {
	t.Helper()
	scheme, host, found := strings.Cut(url, "://")
	require.True(t, found)
	l := linkTo(t, host, f)
	return l, scheme + "://" + l.addr()
}

func (l *link) addr() string { return l.proxy.Listen }

func (l *link) add(t *testing.T, one toxic) {
	t.Helper()
	text, err := json.Marshal(one)
	require.NoError(t, err)
	_, err = l.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	require.NoError(t, err)
}

// begin starts the fault on all connections, open and new.
func (l *link) begin(t *testing.T, f lineFault) {
	t.Helper()
	for _, one := range f.toxics {
		l.add(t, one)
	}
}

// end ends the fault. Connections whose bytes it has dropped are closed. A proxy that breaks all
// connections is replaced, because toxiproxy can wait for ever for a toxic of a connection that has ended.
func (l *link) end(t *testing.T, f lineFault) {
	t.Helper()
	if f.breaks {
		l.proxy.Stop()
		l.open(t, l.proxy.Listen, l.proxy.Upstream)
		return
	}
	for _, one := range f.toxics {
		require.NoError(t, l.proxy.Toxics.RemoveToxic(t.Context(), one.Type+"_"+one.Stream))
	}
}
