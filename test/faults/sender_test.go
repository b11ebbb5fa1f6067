package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

// pace is the pause between two notifications of one kind to one user.
const pace = 50 * time.Millisecond

// direct is one message that was published on Redis, where nobody keeps it.
type direct struct {
	from, to time.Time // Redis took it in between
	taken    bool      // Redis said so
}

// sender sends one user notifications of both kinds, numbered from 1, each kind
// at its own pace: one that is held up does not hold up the other.
type sender struct {
	user   string
	halt   context.CancelFunc
	group  sync.WaitGroup
	events string // what all event ids begin with

	mu   sync.Mutex
	kept int // confirmed by Kafka
	told []direct
}

// courier is what all senders of a test write with.
type courier struct {
	stage *stage
	kafka *kafka.Writer
	redis goredis.UniversalClient
}

func (s *stage) courier(t *testing.T) *courier {
	t.Helper()
	transport := &kafka.Transport{DialTimeout: time.Second}
	c := &courier{stage: s, redis: open(t, s.redis), kafka: &kafka.Writer{
		Transport: transport, Addr: kafka.TCP(s.kafka), Topic: string(s.topic), Balancer: kafka.Murmur2Balancer{},
		BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true,
		MaxAttempts: 1, WriteTimeout: 3 * time.Second, ReadTimeout: 3 * time.Second,
	}}
	t.Cleanup(func() {
		_ = c.kafka.Close() // everything was confirmed before
		transport.CloseIdleConnections()
		_ = c.redis.Close()
	})
	return c
}

// open reads the URL's form as the service does. Nothing is repeated, so that
// what Redis took is known.
func open(t *testing.T, url string) goredis.UniversalClient {
	t.Helper()
	const limit = 500 * time.Millisecond
	switch {
	case strings.Contains(url, "master_name"):
		o, err := goredis.ParseFailoverURL(url)
		require.NoError(t, err)
		o.DialTimeout, o.ReadTimeout, o.MaxRetries, o.DialerRetries = limit, limit, -1, 1
		return goredis.NewFailoverClient(o)
	case strings.Contains(url, "addr="):
		o, err := goredis.ParseClusterURL(url)
		require.NoError(t, err)
		o.DialTimeout, o.ReadTimeout, o.MaxRetries, o.DialerRetries = limit, limit, -1, 1
		return goredis.NewClusterClient(o)
	default:
		o, err := goredis.ParseURL(url)
		require.NoError(t, err)
		o.DialTimeout, o.ReadTimeout, o.MaxRetries, o.DialerRetries = limit, limit, -1, 1
		return goredis.NewClient(o)
	}
}

// send begins for one user and goes on until it is stopped or the test ends.
func (c *courier) send(t *testing.T, user string) *sender {
	t.Helper()
	ctx, halt := context.WithCancel(context.Background())
	s := &sender{user: user, halt: halt, events: uuid.NewString()}
	s.group.Go(func() { s.keep(ctx, c) })
	s.group.Go(func() { s.tell(ctx, c) })
	t.Cleanup(func() { s.stop() })
	return s
}

// stop returns how many Kafka has confirmed, once no more are under way.
func (s *sender) stop() int {
	s.halt()
	s.group.Wait()
	return s.kept
}

// keep writes to Kafka. What it does not confirm is repeated, until it does, as
// the same event.
func (s *sender) keep(ctx context.Context, c *courier) {
	for n := 1; ctx.Err() == nil; n++ {
		record := s.record(c.stage.topic, n)
		for deadline := time.Now().Add(patience); c.kafka.WriteMessages(context.Background(), record) != nil; {
			if time.Now().After(deadline) {
				return
			}
			<-time.After(100 * time.Millisecond)
		}
		s.mu.Lock()
		s.kept = n
		s.mu.Unlock()
		<-time.After(pace)
	}
}

func (s *sender) record(topic domain.Topic, n int) kafka.Message {
	value, err := json.Marshal(domain.Envelope{
		EventID: fmt.Sprintf("%s-%d", s.events, n), EventType: string(topic), EventTimestamp: time.Now().UTC(),
		SourceService: "batch_orchestrator_service", SchemaVersion: domain.SchemaVersion, CorrelationID: uuid.NewString(),
		Data: fmt.Appendf(nil, `{"teacher_id":%q,"notification_type":"kept","category":"batch_progress",`+
			`"priority":"low","payload":{"n":%d}}`, s.user, n),
	})
	if err != nil {
		panic(err) // plain values
	}
	return kafka.Message{Key: []byte(s.user), Value: value}
}

// tell publishes on Redis. What it does not take is not repeated.
func (s *sender) tell(ctx context.Context, c *courier) {
	for n := 1; ctx.Err() == nil; n++ {
		from := time.Now()
		once, cancel := context.WithTimeout(context.Background(), time.Second)
		err := c.redis.Publish(once, "ws:"+s.user, fmt.Sprintf(`{"event":"direct","data":{"n":%d}}`, n)).Err()
		cancel()
		s.mu.Lock()
		s.told = append(s.told, direct{from, time.Now(), err == nil})
		s.mu.Unlock()
		<-time.After(pace)
	}
}
