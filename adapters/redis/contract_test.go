package redis_test

import (
	"testing"

	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/servers"
)

// serverKind is a kind of Redis on which the contract suites run.
type serverKind struct {
	name string
	// prepare returns what returns the server of a subtest. It skips the test if this kind is
	// not available.
	prepare func(testing.TB) func(testing.TB) server
	// outage is set if the server can be stopped.
	outage bool
}

func onEmbedded() serverKind {
	return serverKind{"embedded", func(testing.TB) func(testing.TB) server { return embedded }, true}
}

// onShared returns the Redis that all tests share.
func onShared() serverKind {
	return serverKind{"shared", func(t testing.TB) func(testing.TB) server { t.Helper(); shared(t); return shared }, false}
}

// onOwn returns a Redis of each subtest.
func onOwn() serverKind {
	return serverKind{"own", func(t testing.TB) func(testing.TB) server { t.Helper(); ownServer(t); return ownServer }, true}
}

// onCluster returns a cluster of one node.
func onCluster() serverKind { return one("cluster", clustered, false) }

// onSixNodes returns a cluster of three masters and three replicas.
func onSixNodes() serverKind {
	return one("six nodes", func(t testing.TB) server { t.Helper(); return server{url: servers.OwnCluster(t).URL()} }, false)
}

// onHung returns a Redis whose outage is a process that hangs.
func onHung() serverKind {
	return one("hung", func(t testing.TB) server {
		t.Helper()
		p := servers.OwnRedis(t)
		return server{url: p.URL(), stop: func() { p.Pause(); t.Cleanup(p.Resume) }}
	}, true)
}

// one returns a kind whose subtests use the same server.
func one(name string, start func(testing.TB) server, outage bool) serverKind {
	return serverKind{name, func(t testing.TB) func(testing.TB) server {
		t.Helper()
		s := start(t)
		return func(testing.TB) server { return s }
	}, outage}
}

// onEach runs the suite of a harness on each kind of server.
func onEach[H any](t *testing.T, suite func(*testing.T, H), harness func(func(testing.TB) server, bool) H, kinds ...serverKind) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) { suite(t, harness(kind.prepare(t), kind.outage)) })
	}
}

func TestListenerContract(t *testing.T) {
	onEach(t, contract.MessageListener, listenerHarness, onEmbedded(), onShared(), onOwn())
}

func TestNotifierContract(t *testing.T) {
	onEach(t, contract.NotificationPublisher, notifierHarness, onEmbedded(), onShared(), onOwn())
}

func TestLogContract(t *testing.T) {
	onEach(t, contract.NotificationLog, logHarness, onEmbedded(), onShared(), onOwn())
}

func TestQuotaContract(t *testing.T) {
	onEach(t, contract.ConnectionQuota, quotaHarness, onEmbedded(), onShared(), onOwn(), onCluster())
}

func TestLimiterContract(t *testing.T) {
	onEach(t, contract.RateLimiter, limiterHarness, onEmbedded(), onShared(), onOwn(), onCluster(), onSixNodes())
}

func TestIdempotencyContract(t *testing.T) {
	onEach(t, contract.Idempotency, idempotencyHarness, onEmbedded(), onShared(), onOwn(), onCluster(), onHung())
}

func TestRegistrationsContract(t *testing.T) {
	onEach(t, contract.BatchRegistrations, registrationsHarness, onEmbedded(), onShared(), onOwn(), onCluster(), onHung())
}
