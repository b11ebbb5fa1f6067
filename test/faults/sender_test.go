package faults_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
)

// sendInterval is the pause between two messages of one kind to one user.
const sendInterval = 50 * time.Millisecond

// directMessage is one message published on Redis, which is not stored.
type directMessage struct {
	from, to time.Time // start and end of the PUBLISH command
	accepted bool      // PUBLISH succeeded
}

// sender sends stored and direct messages to one user. It numbers each kind from 1
// and sends both kinds independently, so that one does not delay the other.
type sender struct {
	user   string
	cancel context.CancelFunc
	group  sync.WaitGroup
	events string // prefix of the event ids

	mu        sync.Mutex
	confirmed int // number of records that Kafka has confirmed
	direct    []directMessage
}

// publisher holds the Kafka and Redis clients of all senders of a test.
type publisher struct {
	env *environment
	// interval is the average pause between two messages of one kind to one user; zero is
	// sendInterval without variation.
	interval time.Duration

	kafka *kafka.Writer
	redis goredis.UniversalClient
}

// pause waits until the next message of a kind is due, or until ctx is done.
func (c *publisher) pause(ctx context.Context) {
	if c.interval == 0 {
		sleep(ctx, sendInterval)
		return
	}
	sleep(ctx, rand.N(2*c.interval))
}

func (s *environment) publisher(t *testing.T) *publisher {
	t.Helper()
	transport := s.transport()
	c := &publisher{env: s, redis: openRedis(t, s.redis), kafka: &kafka.Writer{
		Transport: transport, Addr: kafka.TCP(s.kafka), Topic: string(s.topic), Balancer: kafka.Murmur2Balancer{},
		BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true,
		MaxAttempts: 1, WriteTimeout: 3 * time.Second, ReadTimeout: 3 * time.Second,
	}}
	t.Cleanup(func() {
		_ = c.kafka.Close() // all writes have been confirmed
		transport.CloseIdleConnections()
		_ = c.redis.Close()
	})
	return c
}

// openRedis returns a client for the kind of URL that the service accepts. It does not
// retry, so that the result of each command is known.
func openRedis(t *testing.T, url string) goredis.UniversalClient {
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

// startSender starts a sender for one user, which runs until it is stopped or the test ends.
func (c *publisher) startSender(t *testing.T, user string) *sender {
	t.Helper()
	ctx, halt := context.WithCancel(context.Background())
	s := &sender{user: user, cancel: halt, events: uuid.NewString()}
	s.group.Go(func() { s.sendStored(ctx, c) })
	s.group.Go(func() { s.sendDirect(ctx, c) })
	t.Cleanup(func() { s.stop() })
	return s
}

// stop stops the sender and returns the number of records that Kafka has confirmed.
func (s *sender) stop() int {
	s.cancel()
	s.group.Wait()
	return s.confirmed
}

// lastAccepted returns the number of the last direct message that Redis accepted, or 0.
func (s *sender) lastAccepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := len(s.direct); n > 0; n-- {
		if s.direct[n-1].accepted {
			return n
		}
	}
	return 0
}

// sendStored writes records to Kafka. It repeats a record with the same event id until
// Kafka confirms it.
func (s *sender) sendStored(ctx context.Context, c *publisher) {
	for n := 1; ctx.Err() == nil; n++ {
		record := s.record(c.env.topic, n)
		for deadline := time.Now().Add(waitLimit); c.kafka.WriteMessages(context.Background(), record) != nil; {
			if time.Now().After(deadline) {
				return
			}
			pause.For(100*time.Millisecond, "backoff before the record is repeated")
		}
		s.mu.Lock()
		s.confirmed = n
		s.mu.Unlock()
		c.pause(ctx)
	}
}

func (s *sender) record(topic domain.Topic, n int) kafka.Message {
	return harness.Notification(topic, s.user, fmt.Sprintf("%s-%d", s.events, n), n)
}

// sendDirect publishes on Redis. It does not repeat a failed publish.
func (s *sender) sendDirect(ctx context.Context, c *publisher) {
	for n := 1; ctx.Err() == nil; n++ {
		from := time.Now()
		once, cancel := context.WithTimeout(context.Background(), time.Second)
		err := c.redis.Publish(once, "ws:"+s.user, harness.DirectMessage(n)).Err()
		cancel()
		s.mu.Lock()
		s.direct = append(s.direct, directMessage{from, time.Now(), err == nil})
		s.mu.Unlock()
		c.pause(ctx)
	}
}
