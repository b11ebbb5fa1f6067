package deploy_test

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/world"
)

// alertFaults returns all faults by name.
func alertFaults() map[string]alertFault {
	all := faultsOfServers()
	maps.Copy(all, faultsOfServices())
	maps.Copy(all, faultsOfClients())
	maps.Copy(all, faultsOfLoad())
	return all
}

// faultsOfServices returns faults of the two services and of those behind the gateway.
func faultsOfServices() map[string]alertFault {
	return map[string]alertFault{
		"services killed": {
			alerts: []string{"GatewayDown", "WebSocketDown"},
			fault:  func(p *platform) { p.gateway.kill(); p.node.kill() },
			repair: func(p *platform) { p.gateway.start(); p.node.start() },
		},
		"gateway crashes": {
			alerts: []string{"ServiceRestarts"},
			fault: func(p *platform) {
				for range 3 {
					p.gateway.kill()
					p.gateway.start()
					p.prometheus.step()
				}
			},
		},
		"aggregator away": {
			alerts: []string{"CircuitOpen", "GatewayErrorBurn", "DependencyDown"},
			fault:  func(p *platform) { p.world.Platform.FailAggregator(world.Disconnect) },
			repair: func(p *platform) { p.world.Platform.FailAggregator(world.NoFailure) },
			use:    (*platform).status,
			after:  (*platform).status, // a circuit closes with successful requests
			always: true,
		},
	}
}

// faultsOfServers returns faults of Redis and Kafka.
func faultsOfServers() map[string]alertFault {
	return map[string]alertFault{
		"Redis away": {
			alerts: []string{"DependencyDown", "NodeNotReady", "RateLimiterDegraded", "QuotaDegraded", "NotificationsStalled"},
			fault: func(p *platform) {
				p.connect(teacher)
				p.redis.stop()
			},
			repair: func(p *platform) { p.redis.start() },
			use: func(p *platform) {
				p.status()
				p.write(notification(time.Now()))
			},
			always: true,
		},
		"Kafka away": {
			alerts: []string{"DependencyDown", "PublishFailing", "NotificationsStalled"},
			fault:  func(p *platform) { p.kafka.stop() },
			repair: func(p *platform) { p.kafka.start() },
			use:    (*platform).publish,
		},
		"topic refused": func() alertFault {
			var allow func()
			return alertFault{
				alerts: []string{"PublishMisconfigured"},
				fault:  func(p *platform) { allow = p.kafka.refuse() },
				repair: func(*platform) { allow() },
				use:    (*platform).publish,
			}
		}(),
		"subscription breaks": {
			alerts: []string{"SubscriptionsBreak"},
			fault: func(p *platform) {
				for range 10 {
					p.redis.stop()
					p.redis.start()
					p.awaitResubscribed()
				}
			},
		},
	}
}

// faultsOfClients returns faults of token issuers and producers.
func faultsOfClients() map[string]alertFault {
	return map[string]alertFault{
		"another secret": {
			alerts: []string{"TokensRefused"},
			fault:  func(*platform) {},
			use: func(p *platform) {
				forged := harness.SignWith(map[string]any{"alg": "HS256"}, harness.Claims(teacher), "another secret, another secret, another")
				for range 30 {
					p.request(http.MethodGet, "/v1/batches", "", forged)
				}
			},
		},
		"broken records": {
			alerts: []string{"NotificationsDeadLettered"},
			fault:  func(p *platform) { p.write(kafka.Message{Value: []byte("no envelope")}) },
			always: true,
		},
		"old records": {
			alerts: []string{"NotificationLag"},
			fault:  func(*platform) {},
			use:    func(p *platform) { p.write(notification(time.Now().Add(-time.Minute))) },
		},
	}
}

// faultsOfLoad returns faults of slow services, slow clients and too many sockets.
func faultsOfLoad() map[string]alertFault {
	unlimited := map[string]string{"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "1000"}
	return map[string]alertFault{
		"aggregator late": {
			alerts: []string{"GatewaySlow"},
			fault:  func(p *platform) { p.world.Platform.FailAggregator(world.Late) },
			repair: func(p *platform) { p.world.Platform.FailAggregator(world.NoFailure) },
			use: func(p *platform) {
				var requests sync.WaitGroup
				for range 3 {
					requests.Go(p.requestStatus)
				}
				requests.Wait()
			},
		},
		"clients read nothing": {
			alerts: []string{"SlowConsumers"},
			config: platformConfig{settings: unlimited},
			fault:  overflowQueues,
		},
		"many sockets": func() alertFault {
			var open []net.Conn
			return alertFault{
				alerts: []string{"ConnectionsNearCapacity"},
				config: platformConfig{settings: unlimited, files: 1000},
				fault: func(p *platform) {
					for range 850 {
						open = append(open, p.connect(teacher))
					}
				},
				repair: func(*platform) {
					for _, conn := range open { // they connect to the nodes that were added
						_ = conn.Close()
					}
				},
			}
		}(),
		"long drain": {
			alerts: []string{"DrainStuck"},
			config: platformConfig{settings: map[string]string{
				"WEBSOCKET_MAX_CONNECTIONS_PER_USER": "1000", "WEBSOCKET_DRAIN_SPREAD": "50", "WEBSOCKET_DRAIN_TIMEOUT": "60",
			}},
			fault: func(p *platform) {
				for range 200 {
					p.connect(teacher)
				}
				p.node.terminate()
			},
			repair: func(p *platform) { p.node.kill(); p.node.start() },
		},
	}
}

// overflowQueues sends messages to sockets that read nothing until the node closes all of them.
func overflowQueues(p *platform) {
	const sockets = 15
	for range sockets {
		p.connect(teacher)
	}
	filler := map[string]any{"filler": strings.Repeat("x", 100_000)}
	closed := fmt.Sprintf(`websocket_closes_total{code="4001",transport="websocket"} %d`, sockets)
	for i := 0; ; i++ {
		require.Less(p.t, i, 1000, "they are never closed")
		require.NoError(p.t, p.world.Platform.PublishDirect(p.t.Context(), teacher, "batch_results_ready", filler))
		if _, text := p.page(p.node, "/metrics"); strings.Contains(text, closed) {
			return
		}
	}
}
