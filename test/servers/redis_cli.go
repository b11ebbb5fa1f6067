package servers

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// requireRedisCLI skips or fails the test if redis-cli is not installed.
func requireRedisCLI(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-cli"); err != nil {
		skipOrFail(t, "redis-cli is not in PATH")
	}
}

// query runs a command with redis-cli and returns the reply, one element per line. It
// returns an empty string on an error.
func (r *RedisProcess) query(command ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	args := append([]string{"-u", r.URL(), "--raw"}, command...)
	out, err := exec.CommandContext(ctx, "redis-cli", args...).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

// queryPairs runs a command whose reply alternates names and values.
func (r *RedisProcess) queryPairs(command ...string) map[string]string {
	lines := strings.Split(r.query(command...), "\n")
	facts := map[string]string{}
	for i := 0; i+1 < len(lines); i += 2 {
		facts[lines[i]] = lines[i+1]
	}
	return facts
}
