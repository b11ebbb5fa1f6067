package e2e_test

import (
	"testing"

	"github.com/huleedu/edge/test/servers"
)

// running are services that tests share. Each test has users and batches of its own.
type running struct {
	*environment

	gateways [2]service
	nodes    [3]service
}

// TestOnRunningServices runs the tests that need no settings, servers or services of their own.
func TestOnRunningServices(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, b backing) {
		s := startServices(t, b)
		run := func(name string, test func(*testing.T, *running)) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, s)
			})
		}
		for name, test := range map[string]func(*testing.T, *running){
			"sockets reject invalid tokens": socketsRejectInvalidTokens,
			"token places of a socket":      tokenPlacesOfASocket,
			"handshakes without upgrade":    handshakesThatAreNotUpgraded,
			"normal closure is echoed":      normalClosureIsEchoed,
			"journey":                       journey,
			"idempotency across gateways":   idempotencyAcrossGateways,
		} {
			run(name, test)
		}
		for name, test := range map[string]func(*testing.T, *running, transport){
			"connection limit":                       connectionLimit,
			"connection limit across nodes":          connectionLimitAcrossNodes,
			"disconnect on every node":               disconnectOnEveryNode,
			"no message is lost after the handshake": noMessageIsLostAfterTheHandshake,
		} {
			for _, via := range transports() {
				run(name+"/"+via.name, func(t *testing.T, s *running) { test(t, s, via) })
			}
		}
		if b.isEmbedded() && servers.HasRedis() && servers.HasKafka() {
			return // the real servers are enough where Redis and Kafka only have to work
		}
		for name, test := range map[string]func(*testing.T, *running){
			"routes reject invalid tokens":          routesRejectInvalidTokens,
			"every response has the correlation id": everyResponseHasTheCorrelationID,
			"foreign batches":                       gatewayRejectsForeignBatches,
			"invalid bodies":                        gatewayRejectsInvalidBodies,
			"uploads reach their batch":             uploadsReachTheirBatch,
			"differences from the description":      differencesFromTheDescription,
		} {
			run(name, test)
		}
	})
}

// startServices starts gateways and nodes with the settings of the environment.
func startServices(t *testing.T, b backing) *running {
	t.Helper()
	s := &running{environment: newEnvironment(t, b)}
	for i := range s.gateways {
		s.gateways[i] = s.gateway(t, s.vars)
	}
	for i := range s.nodes {
		s.nodes[i] = s.node(t, s.vars)
	}
	return s
}
