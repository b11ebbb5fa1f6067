package deploy_test

import (
	"net"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/pause"
)

// lookAt runs what the section of a firing alert says below "Look at". A command of a server that
// is away may fail. The commands that search the logs must find a line, and at least one expression
// must have a result.
func (p *platform) lookAt(alert string) {
	p.t.Helper()
	expressions, results := 0, 0
	for _, c := range runbooks(p.t)[alert].look {
		if c.language == "promql" {
			expressions++
			results += min(1, p.prometheus.query(c.text))
			continue
		}
		out, err := p.runLine(c)
		require.NotRegexp(p.t, invalidCommand(), out, c.text)
		if strings.HasPrefix(c.text, "kubectl") && !strings.Contains(c.text, " run ") {
			require.NoError(p.t, err, "%s: %s\n%s", alert, c.text, out)
			require.NotEmpty(p.t, out, "%s: %s", alert, c.text)
		}
		if strings.HasPrefix(c.text, "kafka-") && p.kafkaAnswers() {
			require.NoError(p.t, err, "%s: %s\n%s", alert, c.text, out)
		}
	}
	require.True(p.t, expressions == 0 || results > 0, "%s: no expression has a result", alert)
}

// follow runs what the section of an alert says below "Do" after its cause is removed. All commands
// must succeed, within waitLimit. meanwhile is what clients do.
func (p *platform) follow(alert string, meanwhile func()) {
	p.t.Helper()
	for _, c := range runbooks(p.t)[alert].do {
		var out string
		done := false
		for end := time.Now().Add(waitLimit); !done && time.Now().Before(end); pause.For(realInterval, "the service notices the repair") {
			if c.language == "promql" {
				done = p.prometheus.query(c.text) > 0
			} else {
				var err error
				out, err = p.runLine(c)
				done = err == nil
			}
			require.NotRegexp(p.t, invalidCommand(), out, c.text)
			if !done {
				meanwhile()
			}
		}
		require.True(p.t, done, "%s: %s\n%s", alert, c.text, out)
	}
}

// kafkaAnswers reports whether a real Kafka listens.
func (p *platform) kafkaAnswers() bool {
	conn, err := net.Dial("tcp", p.kafka.address)
	if err != nil || !p.kafka.real {
		return false
	}
	return conn.Close() == nil
}

// runLine runs a command line with the logs that the services have written. redis-cli is left out on an
// embedded Redis, which lacks some of the commands.
func (p *platform) runLine(c runbookCommand) (string, error) {
	p.t.Helper()
	if c.uses("redis-cli") && !p.redis.real {
		p.t.Logf("not run without redis-server: %s", c.text)
		return "", nil
	}
	p.tools.setLog("edge-gateway", p.gateway.log.String())
	p.tools.setLog("edge-websocket", p.node.log.String())
	out, err := p.tools.run(c)
	p.t.Logf("$ %s\n%s", c.text, strings.TrimSpace(out))
	return out, err
}
