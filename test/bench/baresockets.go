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

// bareSockets is the notification service's baseline: gorilla, one goroutine a
// socket, one Redis subscription for all users, and the goroutine that reads it
// writes to the sockets. No queue, no limit, no metric; tokens are read and
// believed. It is the least work that still delivers.
type bareSockets struct {
	client *redis.Client
	feed   *redis.PubSub
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

// follow begins to read the subscription, until ctx is done, and returns the
// handler that takes sockets.
func (b *bareSockets) follow(ctx context.Context) http.Handler {
	b.feed = b.client.Subscribe(ctx, "bench:bare")
	go b.pump(ctx)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := b.up.Upgrade(w, r, nil)
		if err != nil {
			return // Upgrade has answered
		}
		go b.attend(ctx, subject(r.URL.Query().Get("token")), conn)
	})
	return mux
}

func (b *bareSockets) close() {
	if b.feed != nil {
		_ = b.feed.Close()
	}
	_ = b.client.Close()
}

func (b *bareSockets) pump(ctx context.Context) {
	for {
		m, err := b.feed.ReceiveMessage(ctx)
		if errors.Is(err, redis.ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // it reconnects by itself
		}
		b.mu.RLock()
		conns := b.users[strings.TrimPrefix(m.Channel, "ws:")]
		b.mu.RUnlock()
		for _, c := range conns {
			_ = c.WriteMessage(websocket.TextMessage, []byte(m.Payload)) // its reader sees the end
		}
	}
}

// attend lives as long as the socket.
func (b *bareSockets) attend(ctx context.Context, user string, conn *websocket.Conn) {
	b.mu.Lock()
	first := len(b.users[user]) == 0
	b.users[user] = append(slices.Clip(b.users[user]), conn)
	b.mu.Unlock()
	if first {
		_ = b.feed.Subscribe(ctx, "ws:"+user)
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
		_ = b.feed.Unsubscribe(ctx, "ws:"+user)
	}
}

// subject reads the token's "sub"; whether it is genuine does not matter here.
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
