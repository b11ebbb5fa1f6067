package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// masterName is what the sentinels call the group.
	masterName = "edge"
	sentinels  = 3
	quorum     = 2
	// groupPatience bounds the wait for servers to know each other.
	groupPatience = 30 * time.Second
)

// Sentinel is a master, two replicas and three sentinels that one test has for
// itself. Two replicas, so that one is left to confirm after a failover. A
// master is given up when it does not answer for a second.
type Sentinel struct {
	t testing.TB
	// servers are the master of the beginning and its replicas.
	servers []*RedisProcess
	watch   []*RedisProcess
}

// OwnSentinel starts them and returns when every sentinel knows all others.
func OwnSentinel(t testing.TB, options ...string) *Sentinel {
	t.Helper()
	needClient(t)
	master := OwnRedis(t, options...)
	s := &Sentinel{t: t, servers: []*RedisProcess{master}}
	for range 2 {
		follow := []string{"--replicaof", fmt.Sprintf("127.0.0.1 %d", master.Port()), "--repl-diskless-sync-delay", "0"}
		s.servers = append(s.servers, OwnRedis(t, append(follow, options...)...))
	}
	for range sentinels {
		config := filepath.Join(t.TempDir(), "sentinel.conf")
		require.NoError(t, os.WriteFile(config, []byte(s.rules()), 0o600))
		s.watch = append(s.watch, startRedis(t, config, "--sentinel"))
	}
	for _, w := range s.watch {
		require.Eventually(t, func() bool {
			facts := w.ask("SENTINEL", "master", masterName)
			return facts["num-other-sentinels"] == fmt.Sprint(sentinels-1) && facts["num-slaves"] == "2"
		}, groupPatience, 50*time.Millisecond, "the sentinels do not find each other")
	}
	return s
}

func (s *Sentinel) rules() string {
	return fmt.Sprintf(`sentinel monitor %[1]s 127.0.0.1 %[2]d %[3]d
sentinel down-after-milliseconds %[1]s 1000
sentinel failover-timeout %[1]s 5000
sentinel parallel-syncs %[1]s 2
`, masterName, s.servers[0].Port(), quorum)
}

// URL names the sentinels.
func (s *Sentinel) URL() string {
	u := s.watch[0].URL() + "?master_name=" + masterName
	var more strings.Builder
	for _, w := range s.watch[1:] {
		more.WriteString("&addr=" + w.Addr())
	}
	return u + more.String()
}

// Master is who the sentinels say has the data now.
func (s *Sentinel) Master() *RedisProcess {
	s.t.Helper()
	port := s.watch[0].ask("SENTINEL", "master", masterName)["port"]
	for _, r := range s.servers {
		if fmt.Sprint(r.Port()) == port {
			return r
		}
	}
	require.FailNow(s.t, "the sentinels know no master", "port %q", port)
	return nil
}
