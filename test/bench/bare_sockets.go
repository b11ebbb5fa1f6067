package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"
)

// bareSockets is the baseline of the notification service: gorilla, one goroutine
// per socket and one Redis subscription for all users. The goroutine that reads
// the subscription writes to the sockets. It has no queue, limit or metric and does
// not verify tokens: the least work that still delivers.
type bareSockets struct {
	client *redis.Client
	pubsub *redis.PubSub
	up     websocket.Upgrader
	mu     sync.RWMutex
	users  map[string][]*websocket.Conn
}

func newBareSockets(address string) *bareSockets {
	return &bareSockets{
		client: redis.NewClient(&redis.Options{Addr: address}),
		up: websocket.Upgrader{
			ReadBufferSize: 256, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{},
			CheckOrigin: func(*http.Request) bool { return true },
		},
		users: map[string][]*websocket.Conn{},
	}
}

// follow starts the subscription, which ends with ctx, and returns the WebSocket
// handler.
func (b *bareSockets) follow(ctx context.Context) http.Handler {
	b.pubsub = b.client.Subscribe(ctx, "bench:bare")
	go b.deliver(ctx)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := b.up.Upgrade(w, r, nil)
		if err != nil {
			return // Upgrade has sent the response
		}
		go b.serveSocket(ctx, subject(r.URL.Query().Get("token")), conn)
	})
	return mux
}

func (b *bareSockets) close() {
	if b.pubsub != nil {
		_ = b.pubsub.Close()
	}
	_ = b.client.Close()
}

func (b *bareSockets) deliver(ctx context.Context) {
	for {
		m, err := b.pubsub.ReceiveMessage(ctx)
		if errors.Is(err, redis.ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // the client reconnects
		}
		b.mu.RLock()
		conns := b.users[strings.TrimPrefix(m.Channel, "ws:")]
		b.mu.RUnlock()
		for _, c := range conns {
			_ = c.WriteMessage(websocket.TextMessage, []byte(m.Payload)) // the reader of this socket handles the error
		}
	}
}

// serveSocket registers the socket and reads from it until it is closed.
func (b *bareSockets) serveSocket(ctx context.Context, user string, conn *websocket.Conn) {
	b.mu.Lock()
	first := len(b.users[user]) == 0
	b.users[user] = append(slices.Clip(b.users[user]), conn)
	b.mu.Unlock()
	if first {
		_ = b.pubsub.Subscribe(ctx, "ws:"+user)
	}
	for {
		if _, _, err := conn.NextReader(); err != nil {
			break
		}
	}
	_ = conn.Close()
	b.mu.Lock()
	rest := slices.DeleteFunc(slices.Clone(b.users[user]), func(c *websocket.Conn) bool { return c == conn })
	b.users[user] = rest
	if len(rest) == 0 {
		delete(b.users, user)
	}
	b.mu.Unlock()
	if len(rest) == 0 {
		_ = b.pubsub.Unsubscribe(ctx, "ws:"+user)
	}
}

// subject returns the "sub" claim of a token without verifying it.
func subject(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct{ Sub string }
	_ = json.Unmarshal(raw, &claims)
	return claims.Sub
}
