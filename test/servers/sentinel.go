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
	// masterName is the name of the monitored master.
	masterName = "edge"
	sentinels  = 3
	quorum     = 2
	// groupStartLimit limits the wait for the servers to discover each other.
	groupStartLimit = 30 * time.Second
)

// Sentinel is a master with two replicas and three sentinels for one test. After a failover
// one replica is left to confirm writes. A master is failed over when it does not respond for
// one second.
type Sentinel struct {
	t testing.TB
	// servers are the initial master and its replicas.
	servers   []*RedisProcess
	sentinels []*RedisProcess
}

// OwnSentinel starts the servers and returns when all sentinels know each other.
func OwnSentinel(t testing.TB, options ...string) *Sentinel {
	t.Helper()
	requireRedisCLI(t)
	master := OwnRedis(t, options...)
	s := &Sentinel{t: t, servers: []*RedisProcess{master}}
	for range 2 {
		follow := []string{"--replicaof", fmt.Sprintf("127.0.0.1 %d", master.Port()), "--repl-diskless-sync-delay", "0"}
		s.servers = append(s.servers, OwnRedis(t, append(follow, options...)...))
	}
	for range sentinels {
		config := filepath.Join(t.TempDir(), "sentinel.conf")
		require.NoError(t, os.WriteFile(config, []byte(s.config()), 0o600))
		s.sentinels = append(s.sentinels, startRedis(t, config, "--sentinel"))
	}
	for _, w := range s.sentinels {
		require.Eventually(t, func() bool {
			facts := w.queryPairs("SENTINEL", "master", masterName)
			return facts["num-other-sentinels"] == fmt.Sprint(sentinels-1) && facts["num-slaves"] == "2"
		}, groupStartLimit, 50*time.Millisecond, "the sentinels did not discover each other")
	}
	return s
}

func (s *Sentinel) config() string {
	return fmt.Sprintf(`sentinel monitor %[1]s 127.0.0.1 %[2]d %[3]d
sentinel down-after-milliseconds %[1]s 1000
sentinel failover-timeout %[1]s 5000
sentinel parallel-syncs %[1]s 2
`, masterName, s.servers[0].Port(), quorum)
}

// URL returns a URL with all sentinels.
func (s *Sentinel) URL() string {
	u := s.sentinels[0].URL() + "?master_name=" + masterName
	var more strings.Builder
	for _, w := range s.sentinels[1:] {
		more.WriteString("&addr=" + w.Addr())
	}
	return u + more.String()
}

// Master returns the current master according to the sentinels.
func (s *Sentinel) Master() *RedisProcess {
	s.t.Helper()
	port := s.sentinels[0].queryPairs("SENTINEL", "master", masterName)["port"]
	for _, r := range s.servers {
		if fmt.Sprint(r.Port()) == port {
			return r
		}
	}
	require.FailNow(s.t, "the sentinels report an unknown master", "port %q", port)
	return nil
}
