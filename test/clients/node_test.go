package clients_test

import (
	"testing"
	"time"
)

// TestNode runs scenarios with clients in Node against the programs: with a constructor for
// WebSockets that is passed in, and without one, on server-sent events. Clients in Node share no
// connection.
func TestNode(t *testing.T) {
	t.Parallel()
	webSocket := func(_ *testing.T, s *stage) { s.constructor = true }
	for _, c := range []scenario{
		{name: "WebSocket, the service is restarted", tabs: 2, prepare: webSocket, disturb: restartService},
		{name: "server-sent events, the service is restarted", tabs: 2, disturb: restartBehindProxy},
		{name: "WebSocket, the service is killed", tabs: 1, full: true, prepare: webSocket, disturb: killService},
		{name: "server-sent events, the service is killed", tabs: 1, full: true, disturb: killService},
		{name: "WebSocket, tokens expire", tabs: 1, full: true, life: 8 * time.Second, prepare: webSocket, disturb: expireTokens},
		{name: "server-sent events, tokens expire", tabs: 1, full: true, life: 8 * time.Second, disturb: expireTokens},
		{name: "WebSocket, Redis is restarted", tabs: 1, full: true, prepare: webSocket, disturb: restartRedis},
		{name: "server-sent events, Redis is restarted", tabs: 1, full: true, disturb: restartRedis},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, inNode) })
	}
}
