package servers

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// needClient ends a test where tell and ask cannot work.
func needClient(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-cli"); err != nil {
		unavailable(t, "redis-cli is not in PATH")
	}
}

// tell runs a command by redis-cli and returns the answer, one element a line;
// nothing when there is none.
func (r *RedisProcess) tell(command ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	args := append([]string{"-u", r.URL(), "--raw"}, command...)
	out, err := exec.CommandContext(ctx, "redis-cli", args...).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

// ask is tell for an answer of names and values in turn.
func (r *RedisProcess) ask(command ...string) map[string]string {
	lines := strings.Split(r.tell(command...), "\n")
	facts := map[string]string{}
	for i := 0; i+1 < len(lines); i += 2 {
		facts[lines[i]] = lines[i+1]
	}
	return facts
}
