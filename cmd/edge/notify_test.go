package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestNotify: both ways to a user who listens, and what is left for one who
// comes later.
func TestNotify(t *testing.T) {
	r := up(t)
	redis, kafka := r.sees(t, `redis +(redis://\S+) \(embedded\)`)[1], r.sees(t, `kafka +(\S+) \(embedded\)`)[1]
	listening := open(t, nil, "listen", "teacher-bo", "--url", r.websockets)
	listening.sees(t, `connected\n`)

	direct := open(t, nil, "notify", "teacher-bo", "hello", "--data", `{"n": 1.5}`, "--redis", redis)
	require.Equal(t, 0, direct.code(t), "%s", direct.errs)
	require.Equal(t, "teacher-bo: hello sent to those who are connected\n", direct.out.String())
	listening.sees(t, `\d\d:\d\d:\d\d  hello +n=1\.5\n`)

	event := uuid.NewString()
	for range 2 { // a producer that heard no answer repeats it
		kept := open(t, map[string]string{"KAFKA_BOOTSTRAP_SERVERS": kafka}, "notify", "teacher-bo", "batch_results_ready",
			"--kept", "--event-id", event, "--batch", "b 7", "--priority", "critical", "--action-required")
		require.Equal(t, 0, kept.code(t), "%s", kept.errs)
		require.Equal(t, "teacher-bo: batch_results_ready asked for on Kafka (event id "+event+")\n", kept.out.String())
	}
	last := open(t, nil, "notify", "teacher-bo", "last", "--kept", "--kafka", kafka)
	require.Equal(t, 0, last.code(t), "%s", last.errs)
	listening.sees(t, `(?s)batch_results_ready +critical  b 7.*last +standard`)
	require.NotRegexp(t, `(?s)batch_results_ready.*batch_results_ready`, listening.out.String())

	late := open(t, nil, "listen", "teacher-bo", "--since", "0", "--url", r.websockets)
	late.sees(t, `(?s)batch_results_ready +critical  b 7.*last +standard`)
	require.NotContains(t, late.out.String(), "hello")
	for _, s := range []*shell{listening, late, r.shell} {
		require.Equal(t, 0, s.ctrlC(t), "%s", s.errs)
	}
}

func TestNotifyRefuses(t *testing.T) {
	nobody := map[string]string{"KAFKA_PUBLISH_TIMEOUT": "1"}
	for want, args := range map[string][]string{
		"edge: user id is empty or blank\n":                                                         {" ", "hello"},
		"edge: the type is empty or blank\n":                                                        {"anna", " "},
		"edge: accepts 2 arg(s), received 1\n":                                                      {"anna"},
		"edge: --data must be a JSON object, such as '{\"text\":\"hello\"}'\n":                      {"anna", "hello", "--data", "[1]"},
		"edge: --batch is only for a notification that is kept: add --kept\n":                       {"anna", "hello", "--batch", "b"},
		"edge: --priority: \"urgent\" is none of these: critical, immediate, high, standard, low\n": {"anna", "hello", "--kept", "--priority", "urgent"},
		"edge: --category: \"news\" is none of these: batch_progress, ":                             {"anna", "hello", "--kept", "--category", "news"},
		"edge: these settings cannot be used:\n  KAFKA_BOOTSTRAP_SERVERS: must be host:port":        {"anna", "hello", "--kept", "--kafka", "nowhere"},
		"edge: these settings cannot be used:\n  REDIS_URL: must be ":                               {"anna", "hello", "--redis", "nowhere"},
		"edge: redis.Tell: CONNECTION_ERROR":                                                        {"anna", "hello", "--redis", "redis://127.0.0.1:1"},
		"edge: kafka.Publish: KAFKA_PUBLISH_ERROR":                                                  {"anna", "hello", "--kept", "--kafka", "127.0.0.1:1"},
	} {
		s := open(t, nobody, append([]string{"notify"}, args...)...)
		require.Equal(t, 1, s.code(t), want)
		require.Contains(t, s.errs.String(), want)
		require.Empty(t, s.out.String())
	}
}

// TestServersAreFound: the flag decides, then what is set, then what "edge up"
// listens on by default.
func TestServersAreFound(t *testing.T) {
	help := open(t, nil, "up", "--help")
	require.Equal(t, 0, help.code(t))
	vars := tool{vars: map[string]string{}}.withServers("", "")
	require.Equal(t, map[string]string{
		"REDIS_URL":               "redis://" + help.sees(t, `--redis-listen .*default "(\S+)"`)[1],
		"KAFKA_BOOTSTRAP_SERVERS": help.sees(t, `--kafka-listen .*default "(\S+)"`)[1],
	}, vars)
	set := tool{vars: map[string]string{"REDIS_URL": "redis://set", "KAFKA_BOOTSTRAP_SERVERS": "set:1"}}
	require.Equal(t, set.vars, set.withServers("", ""))
	require.Equal(t, map[string]string{"REDIS_URL": "redis://given", "KAFKA_BOOTSTRAP_SERVERS": "given:1"}, set.withServers("redis://given", "given:1"))
}
