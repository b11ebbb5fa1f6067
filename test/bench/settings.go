package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/huleedu/edge/adapters/jwt"
)

const (
	secret   = "a benchmark's secret, longer than 32 bytes"
	audience = "huleedu-platform"
	issuer   = "huleedu-identity-service"
)

// user is a user id with a token.
type user struct{ id, token string }

// newUsers returns new users. Their ids are unique, so that no limit or cache
// contains them.
func (l *runner) newUsers(n int) ([]user, error) {
	group := l.uniqueName("user")
	cfg := jwt.Config{Algorithm: "HS256", SecretKey: secret, Audience: audience, Issuer: issuer}
	all := make([]user, n)
	for i := range all {
		id := fmt.Sprintf("%s-%d", group, i)
		now := time.Now()
		token, err := jwt.Mint(cfg, jwt.Claims{User: id, Issued: now, Expires: now.Add(time.Hour)})
		if err != nil {
			return nil, err
		}
		all[i] = user{id, token}
	}
	return all, nil
}

// startGateway starts the API gateway in front of the backend, with default settings
// except those in changed.
func (l *runner) startGateway(ctx context.Context, backend *process, changed map[string]string) (*process, error) {
	behind := "http://" + backend.addr
	settings := map[string]string{
		"JWT_SECRET_KEY": secret, "HULEEDU_INTERNAL_API_KEY": "a benchmark's key",
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "API_GATEWAY_DRAIN_NOTICE": "0",
		"REDIS_URL": "redis://" + l.redis, "KAFKA_BOOTSTRAP_SERVERS": l.brokers(),
		"API_GATEWAY_RESULT_AGGREGATOR_URL": behind, "API_GATEWAY_BOS_URL": behind, "API_GATEWAY_CMS_API_URL": behind,
		"API_GATEWAY_BFF_TEACHER_URL": behind, "API_GATEWAY_FILE_SERVICE_URL": behind,
	}
	maps.Copy(settings, changed)
	return l.startService(ctx, "gateway", settings)
}

// startNode starts the notification service with default settings.
func (l *runner) startNode(ctx context.Context) (*process, error) { return l.startLargeNode(ctx, 0) }

// startLargeNode starts a node with a connection limit of sockets plus a reserve, so that
// the default limit (90 % of the open files) does not apply; 0 keeps the default.
func (l *runner) startLargeNode(ctx context.Context, sockets int) (*process, error) {
	if sockets > 0 {
		sockets += reservedFiles / 2
	}
	return l.startService(ctx, "websocket", map[string]string{
		"WEBSOCKET_MAX_CONNECTIONS": strconv.Itoa(sockets),
		"JWT_SECRET_KEY":            secret, "WEBSOCKET_HOST": "127.0.0.1", "WEBSOCKET_PORT": "0",
		"WEBSOCKET_DRAIN_NOTICE": "0", "WEBSOCKET_DRAIN_SPREAD": "0",
		"REDIS_URL": "redis://" + l.redis, "KAFKA_BOOTSTRAP_SERVERS": l.brokers(),
		"KAFKA_CONSUMER_GROUP": l.uniqueName("group"),
	})
}

// largeNode returns a starter of startLargeNode.
func (l *runner) largeNode(sockets int) starter {
	return func(ctx context.Context) (*process, error) { return l.startLargeNode(ctx, sockets) }
}

// startBareNode starts the baseline of the notification service.
func (l *runner) startBareNode(ctx context.Context) (*process, error) {
	return l.startChild(ctx, "sockets", "redis="+l.redis)
}

// brokers returns the Kafka of this run, or an unreachable address. The services
// run without Kafka as long as they do not use it.
func (l *runner) brokers() string {
	if l.kafka == "" {
		return unreachableAddr
	}
	return l.kafka
}
