package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInvalidArguments checks that an invalid command line ends with exit code 2 and a text
// that names the argument, before anything is connected.
func TestInvalidArguments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "essay.txt")
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	for want, args := range map[string][]string{
		`edge: unknown command "nonsense" for "edge"`:                                        {"nonsense"},
		"edge: USER is missing; usage: edge token USER":                                      {"token"},
		"edge: unexpected argument \"b\" behind USER":                                        {"token", "a", "b"},
		"edge: USER is empty":                                                                {"token", " "},
		"edge: --ttl 0s: must be between 1s and 8784h0m0s":                                   {"token", "anna", "--ttl", "0"},
		"edge: --ttl -1h0m0s: must be ":                                                      {"token", "anna", "--ttl", "-1h"},
		"edge: --ttl 17520h0m0s: must be ":                                                   {"token", "anna", "--ttl", "17520h"},
		`edge: invalid argument "soon" for "--ttl" flag`:                                     {"token", "anna", "--ttl", "soon"},
		"edge: TOKEN is missing":                                                             {"token", "check"},
		"edge: invalid settings:\n  nowhere.env: cannot be read":                             {"token", "check", "x", "--env-file", "nowhere.env"},
		`edge: --url "http://127.0.0.1:1/ws": must be a URL such as ws://127.0.0.1:PORT`:     {"listen", "anna", "--url", "http://127.0.0.1:1/ws"},
		`edge: --url "127.0.0.1:8080"`:                                                       {"listen", "anna", "--url", "127.0.0.1:8080"},
		`edge: --since "yesterday": must be 0, $ or the id`:                                  {"listen", "anna", "--since", "yesterday"},
		`edge: --priority: "urgent" is not one of: critical, immediate, high, standard, low`: {"listen", "anna", "--priority", "urgent"},
		"edge: PIPELINE is missing; usage: edge pipeline BATCH PIPELINE":                     {"pipeline", "b1"},
		"edge: set --user or --token":                                                        {"pipeline", "b1", "nlp"},
		`edge: --url "ftp://h"`:                                                              {"pipeline", "b1", "nlp", "--user", "anna", "--url", "ftp://h"},
		"edge: TYPE is missing":                                                              {"notify", "anna"},
		"edge: TYPE is empty":                                                                {"notify", "anna", " "},
		"edge: --data must be a JSON object, such as '{\"text\":\"hello\"}'\n":               {"notify", "anna", "hello", "--data", "[1]"},
		"edge: --batch applies only to stored notifications: add --kept\n":                   {"notify", "anna", "hello", "--batch", "b"},
		"edge: --category: \"news\" is not one of: batch_progress, ":                         {"notify", "anna", "hello", "--kept", "--category", "news"},
		"edge: invalid settings:\n  REDIS_URL: must be ":                                     {"sessions", "anna", "--redis", "nowhere"},
		"edge: USER \"}x\": user id":                                                         {"disconnect", "}x"},
		"edge: --since \"$\": must be 0 or the id of a notification":                         {"history", "anna", "--since", "$"},
		"edge: unknown flag: --nonsense; see \"edge tail --help\"":                           {"tail", "anna", "--nonsense"},
		"edge: --nodes is missing: name the admin addresses":                                 {"nodes"},
		"edge: ADMIN_TOKEN is not set":                                                       {"nodes", "--nodes", "127.0.0.1:1"},
		"edge: --limit 0: must be between 1 and 10000":                                       {"dlq", "list", "--limit", "0"},
		"edge: POSITION \"12\": must be partition/offset, such as 0/12":                      {"dlq", "show", "12"},
		"edge: POSITION is missing; usage: edge dlq replay POSITION...":                      {"dlq", "replay"},
		"edge: POSITION \"0/1\": --all replays every dead letter":                            {"dlq", "replay", "0/1", "--all"},
		"edge: POSITION \"-1/0\": must be ":                                                  {"dlq", "replay", "--", "-1/0"},
		"edge: invalid settings:\n  KAFKA_BOOTSTRAP_SERVERS: must be host:port":              {"dlq", "list", "--kafka", "nowhere"},
		"edge: FILES is missing; usage: edge upload FILES...":                                {"upload"},
		"edge: --batch is missing":                                                           {"upload", file},
		"edge: FILES \"nowhere.txt\": is not a file":                                         {"upload", "nowhere.txt", "--batch", "b"},
		"edge: \"gatway\": the service is gateway or websocket":                              {"doctor", "gatway"},
		"edge: \"both\": the service is gateway or websocket":                                {"config", "check", "both"},
		"edge: invalid settings:\n  absent.env: cannot be read":                              {"config", "check", "--env-file", "absent.env"},
		`edge: --gateway "nowhere": must be host:port, such as 127.0.0.1:4001`:               {"up", "--gateway", "nowhere"},
		`edge: --websocket "127.0.0.1:99999": must be host:port`:                             {"up", "--websocket", "127.0.0.1:99999"},
		`edge: --redis-listen "4379": must be host:port`:                                     {"up", "--redis-listen", "4379"},
		`edge: --kafka-listen "127.0.0.1:kafka": must be host:port`:                          {"up", "--kafka-listen", "127.0.0.1:kafka"},
		`edge: --example "127.0.0.1": must be host:port`:                                     {"up", "--example", "127.0.0.1"},
		"edge: --pace -1s: must not be negative":                                             {"up", "--pace", "-1s"},
		"edge: invalid settings:\n  REDIS_URL: must be redis://[user":                        {"up", "--redis", "nowhere"},
		"edge: invalid settings:\n  KAFKA_BOOTSTRAP_SERVERS: must be host:port,":             {"up", "--kafka", "nowhere"},
		"edge: --listen: address nowhere: missing port":                                      {"console", "--listen", "nowhere"},
		"edge: --listen: 10.0.0.1:80 is not a loopback address":                              {"console", "--listen", "10.0.0.1:80"},
		`edge: --nodes: "nowhere" is not host:port`:                                          {"console", "--nodes", "nowhere"},
		"edge: invalid settings:\n  REDIS_URL: must be redis://":                             {"console", "--redis", "nowhere"},
		"edge: invalid settings:\n  KAFKA_BOOTSTRAP_SERVERS: ":                               {"console", "--kafka", "nowhere"},
		"edge: invalid settings:\n  REDIS_URL":                                               {"history", "anna", "--redis", "nowhere"},
		`edge: unknown command "x" for "edge up"`:                                            {"up", "x"},
		"edge: unknown flag: --nonsense; see \"edge up --help\"":                             {"up", "--nonsense"},
		"edge: invalid settings:\n  no.env: cannot be read":                                  {"doctor", "--env-file", "no.env"},
	} {
		s := startCommand(t, nil, args...)
		require.Equal(t, exitUsage, s.exitCode(t), "%q: %s", args, s.errs)
		require.Contains(t, s.errs.String(), want)
		require.Empty(t, s.out.String(), "%q", args)
	}
}
