package e2e_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

// TestRedisHangsDuringManyHandshakes stops Redis while many clients connect. Each handshake succeeds or is
// closed with 1011, and the refused ones leave nothing in Redis.
func TestRedisHangsDuringManyHandshakes(t *testing.T) {
	t.Parallel()
	const clients = 400
	r := servers.OwnRedis(t)
	s := newEnvironment(t, backing{redis: r.URL(), kafka: embedded(t).kafka})
	node := s.node(t, s.vars)
	prefix := "storm-" + uuid.NewString() + "-"
	var admitted, refused atomic.Int64
	var stay sync.Map
	var group sync.WaitGroup
	halfway := make(chan struct{})
	hang := sync.OnceFunc(func() {
		r.Pause()
		close(halfway)
	})
	for i := range clients {
		group.Go(func() {
			if i >= clients/2 {
				<-halfway
			}
			conn, accepted := tryConnect(t, node.ws(), prefix+strconv.Itoa(i))
			if accepted {
				admitted.Add(1)
				stay.Store(conn, true)
			} else if conn != nil {
				refused.Add(1)
			}
			if admitted.Load() >= clients/8 {
				hang()
			}
		})
	}
	group.Wait()
	require.EqualValues(t, clients, admitted.Load()+refused.Load())
	require.GreaterOrEqual(t, refused.Load(), int64(clients/2), "handshakes while Redis hangs must be refused")
	r.Resume()
	redis := s.redisClient(t)
	held := func() int64 {
		keys, err := redis.Keys(t.Context(), "wsquota:{"+prefix+"*").Result()
		if err != nil {
			return -1
		}
		return int64(len(keys))
	}
	require.Eventually(t, func() bool { return held() == admitted.Load() }, waitLimit, 50*time.Millisecond, "a lease for each socket")
	stay.Range(func(conn, _ any) bool { return conn.(connection).Close() == nil })
	require.Eventually(t, func() bool { return held() == 0 }, waitLimit, 50*time.Millisecond, "no lease without a socket")
	require.Eventually(t, func() bool {
		return len(redis.PubSubChannels(t.Context(), "ws:"+prefix+"*").Val()) == 0
	}, waitLimit, 100*time.Millisecond, "no subscription is left")
}

// tryConnect connects as the user and waits for a pong. It reports whether the node accepted the connection.
// The test fails and the connection is nil if there is neither a pong nor a close frame with 1011.
func tryConnect(t *testing.T, url, user string) (conn connection, accepted bool) {
	t.Helper()
	conn, err := openSocket(t.Context(), url, as(user).values())
	if err != nil {
		t.Errorf("no answer: %v", err)
		return nil, false
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.(*socket).WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`))
	_, err = conn.read(waitLimit)
	if end, closed := errors.AsType[*closedError](err); err == nil || closed && end.code == websocket.CloseInternalServerErr {
		return conn, err == nil
	}
	t.Errorf("neither accepted nor closed with 1011: %v", err)
	return nil, false
}
