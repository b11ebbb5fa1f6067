package e2e_test

import (
	"context"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// closeCodes returns the labels of closes. 1006 means that there was no close frame.
func closeCodes() []string {
	return strings.Fields("1000 1001 1002 1003 1005 1007 1008 1009 1010 1011 1012 1013 4000 4001 4002 4003 other")
}

// closeSockets closes sockets in every way that needs no outage and no shutdown.
func (d *scenario) closeSockets() {
	d.t.Helper()
	for _, code := range []int{1000, 1001, 1003, websocket.CloseNoStatusReceived, 1010, 1013, 4321} {
		c := connect(d.t, d.lenient.ws(), as(d.newUser()))
		require.NoError(d.t, c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(waitLimit)))
		_, _, err := c.ReadMessage()
		require.Error(d.t, err)
	}
	require.NoError(d.t, connect(d.t, d.lenient.ws(), as(d.newUser())).NetConn().Close())
	for code, bytes := range map[int]string{1002: "\x83\x80\x00\x00\x00\x00", 1007: "\x81\x82\x00\x00\x00\x00\xc3\x28"} {
		c := connect(d.t, d.lenient.ws(), as(d.newUser()))
		_, err := c.NetConn().Write([]byte(bytes))
		require.NoError(d.t, err)
		d.requireClose(c, code)
	}
	long := connect(d.t, d.lenient.ws(), as(d.newUser()))
	require.NoError(d.t, long.WriteMessage(websocket.TextMessage, make([]byte, 70_000)))
	d.requireClose(long, 1009)
	for _, token := range []string{"x", tokenWith(map[string]any{"exp": time.Now().Add(-time.Second).Unix()})} {
		d.requireClose(connect(d.t, d.lenient.ws(), headers{"Authorization": "Bearer " + token}), 1008)
	}
	d.requireClose(connect(d.t, d.idle.ws(), as(d.newUser())), 4002)

	user := d.newUser()
	first := connect(d.t, d.restricted.ws(), as(user))
	d.requireClose(connect(d.t, d.restricted.ws(), as(user)), 4000)
	require.NoError(d.t, d.redisClient(d.t).Publish(d.t.Context(), "wsctl:disconnect", user).Err())
	d.requireClose(first, 4003)
	talks := connect(d.t, d.restricted.ws(), as(d.newUser()))
	for range 6 {
		_ = talks.WriteMessage(websocket.TextMessage, []byte("x")) // it may be closed by now
	}
	d.requireClose(talks, 1008)
	d.overflowQueue()
}

// requireClose requires a close frame with the code.
func (d *scenario) requireClose(c *socket, code int) {
	d.t.Helper()
	got, raw := c.closed(d.t)
	require.Equal(d.t, code, got, raw)
}

// overflowQueue publishes to a client that reads nothing until its queue is full.
func (d *scenario) overflowQueue() {
	d.t.Helper()
	user, redis := d.newUser(), d.redisClient(d.t)
	connect(d.t, d.restricted.ws(), as(user))
	text := strings.Repeat("x", 20_000)
	require.Eventually(d.t, func() bool {
		for range 50 {
			require.NoError(d.t, redis.Publish(d.t.Context(), "ws:"+user, text).Err())
		}
		page := call(d.t, "GET", d.restricted.http("/metrics"), "", nil)
		return isCounted(string(page.body), `websocket_closes_total{code="4001",transport="websocket"}`)
	}, waitLimit, time.Millisecond)
}

// stopLenient stops the lenient node. It reads the metrics while the node waits for a client that has not
// answered its close frame.
func (d *scenario) stopLenient() {
	d.t.Helper()
	silent, answering := connect(d.t, d.lenient.ws(), as(d.newUser())), connect(d.t, d.lenient.ws(), as(d.newUser()))
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
		defer cancel()
		stopped <- d.lenient.Stop(ctx)
	}()
	d.requireClose(answering, 1012)
	d.metrics.add(d.t, "websocket", d.lenient.admin("/metrics"))
	d.requireClose(silent, 1012)
	require.NoError(d.t, <-stopped)
}
