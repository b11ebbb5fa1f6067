package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestNotify sends direct and stored notifications to a connected client, and
// checks which of them a later client receives.
func TestNotify(t *testing.T) {
	r := startEdge(t)
	redis, kafka := r.waitOutput(t, `redis +(redis://\S+) \(embedded\)`)[1], r.waitOutput(t, `kafka +(\S+) \(embedded\)`)[1]
	listening := startCommand(t, nil, "listen", "teacher-bo", "--url", r.websockets)
	listening.waitOutput(t, `connected\n`)

	direct := startCommand(t, nil, "notify", "teacher-bo", "hello", "--data", `{"n": 1.5}`, "--redis", redis)
	require.Equal(t, 0, direct.exitCode(t), "%s", direct.errs)
	require.Equal(t, "teacher-bo: hello sent to connected clients\n", direct.out.String())
	listening.waitOutput(t, `\d\d:\d\d:\d\d  hello +n=1\.5\n`)

	event := uuid.NewString()
	for range 2 { // a producer retries after a lost response
		kept := startCommand(t, map[string]string{"KAFKA_BOOTSTRAP_SERVERS": kafka}, "notify", "teacher-bo", "batch_results_ready",
			"--kept", "--event-id", event, "--batch", "b 7", "--priority", "critical", "--action-required")
		require.Equal(t, 0, kept.exitCode(t), "%s", kept.errs)
		require.Equal(t, "teacher-bo: batch_results_ready published on Kafka (event id "+event+")\n", kept.out.String())
	}
	last := startCommand(t, nil, "notify", "teacher-bo", "last", "--kept", "--kafka", kafka)
	require.Equal(t, 0, last.exitCode(t), "%s", last.errs)
	listening.waitOutput(t, `(?s)batch_results_ready +critical  b 7.*last +standard`)
	require.NotRegexp(t, `(?s)batch_results_ready.*batch_results_ready`, listening.out.String())

	late := startCommand(t, nil, "listen", "teacher-bo", "--since", "0", "--url", r.websockets)
	late.waitOutput(t, `(?s)batch_results_ready +critical  b 7.*last +standard`)
	require.NotContains(t, late.out.String(), "hello")
	for _, s := range []*commandRun{listening, late, r.commandRun} {
		require.Equal(t, 0, s.interruptAndWait(t), "%s", s.errs)
	}
}

func TestNotifyReportsUnreachableServers(t *testing.T) {
	vars := map[string]string{"KAFKA_PUBLISH_TIMEOUT": "1"}
	for want, args := range map[string][]string{
		"edge: redis.Publish: CONNECTION_ERROR":    {"anna", "hello", "--redis", "redis://127.0.0.1:1"},
		"edge: kafka.Publish: KAFKA_PUBLISH_ERROR": {"anna", "hello", "--kept", "--kafka", "127.0.0.1:1"},
	} {
		s := startCommand(t, vars, append([]string{"notify"}, args...)...)
		require.Equal(t, 1, s.exitCode(t), want)
		require.Contains(t, s.errs.String(), want)
		require.Empty(t, s.out.String())
	}
}

// TestServerAddressPrecedence checks the order: flag, environment variable,
// default address of "edge up".
func TestServerAddressPrecedence(t *testing.T) {
	help := startCommand(t, nil, "up", "--help")
	require.Equal(t, 0, help.exitCode(t))
	vars := tool{vars: map[string]string{}}.withServers("", "")
	require.Equal(t, map[string]string{
		"REDIS_URL":               "redis://" + help.waitOutput(t, `--redis-listen .*default "(\S+)"`)[1],
		"KAFKA_BOOTSTRAP_SERVERS": help.waitOutput(t, `--kafka-listen .*default "(\S+)"`)[1],
	}, vars)
	set := tool{vars: map[string]string{"REDIS_URL": "redis://set", "KAFKA_BOOTSTRAP_SERVERS": "set:1"}}
	require.Equal(t, set.vars, set.withServers("", ""))
	require.Equal(t, map[string]string{"REDIS_URL": "redis://given", "KAFKA_BOOTSTRAP_SERVERS": "given:1"}, set.withServers("redis://given", "given:1"))
}
