package faults_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
)

const (
	// runTime and stopTime are the parts of a cycle in which a throttled program runs and is stopped.
	runTime  = 10 * time.Millisecond
	stopTime = 90 * time.Millisecond
	// livenessTimeout and livenessInterval are those of the probes in deploy/, the interval shorter.
	livenessTimeout  = 5 * time.Second
	livenessInterval = time.Second
)

// throttle lets a program run a tenth of the time.
func throttle(t *testing.T, p *harness.Program, length time.Duration) {
	t.Helper()
	for end := time.Now().Add(length); time.Now().Before(end); {
		p.Pause(t)
		pause.For(stopTime, "the program is stopped for nine tenths of the time")
		p.Resume(t)
		pause.For(runTime, "the program runs for a tenth of the time")
	}
}

// TestNodeThrottled gives one of two nodes a tenth of a processor, as a quota of a container does, for
// longer than a lease lasts without renewal. Liveness probes are answered, and no lease expires.
func TestNodeThrottled(t *testing.T) {
	t.Parallel()
	e := hostFault(t, nodeCPU, tenthOfCPU)
	s := newEnvironment(t, servers.OwnRedis(t).URL(), servers.Kafka(t), nil)
	s.topic = domain.NotificationTopic // the program reads only this topic
	s.createTopic(t)
	p := startPair(t, "websocket", s.vars)
	clients := connectClients(t, s, linkUsers, p.front.url(), p.front.http("/events"))
	node := p.nodes[0].Address(t)
	leases := s.leases(t)
	require.Positive(t, leases)
	e.measure(t, clients, node, func() {
		stop := probeLiveness(t, node)
		throttle(t, p.nodes[0], 40*time.Second)
		answered, failed := stop()
		t.Logf("liveness: %d probes answered, %d failed", answered, failed)
		require.Zero(t, failed, "the platform would restart the node")
		require.Equal(t, leases, s.leases(t), "a lease expired although its connection is open")
	})
}

// probeLiveness requests /healthz until stop, which returns how many probes were answered and failed.
func probeLiveness(t *testing.T, node string) (stop func() (answered, failed int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var probes sync.WaitGroup
	var answered, failed int
	probes.Go(func() {
		for ; ctx.Err() == nil; sleep(ctx, livenessInterval) {
			if alive(node) {
				answered++
			} else {
				failed++
			}
		}
	})
	return func() (int, int) {
		cancel()
		probes.Wait()
		return answered, failed
	}
}

// alive reports whether a liveness probe on a new connection is answered in time.
func alive(node string) bool {
	client := &http.Client{Timeout: livenessTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + node + "/healthz")
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}
