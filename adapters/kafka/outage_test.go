package kafka_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// TestOutagesOfARealBroker checks publisher and consumer while a real broker crashes, hangs and
// restarts.
func TestOutagesOfARealBroker(t *testing.T) {
	t.Parallel()
	broker := servers.OwnKafka(t)
	s := newScenario(broker.Addr())
	consumer := s.start(t)
	p := publisher(t, broker.Addr(), time.Second, &facts{})
	commands := uniqueName("commands")
	require.Eventually(t, func() bool { return p.Publish(t.Context(), command(commands, "b1")) == nil },
		30*time.Second, 10*time.Millisecond, "warm up")
	ids := s.produceEvents(t, "u1", 5)
	s.published.awaitIDs(t, "u1", ids)

	outages := []struct {
		name          string
		fail, restore func()
	}{
		{"kill", broker.Kill, broker.Start},
		{"pause", broker.Pause, broker.Resume},
		{"restart", broker.Stop, broker.Start},
	}
	for _, outage := range outages {
		t.Run(outage.name, func(t *testing.T) {
			outage.fail()
			start := time.Now()
			err := p.Publish(t.Context(), command(commands, "b1"))
			require.Equal(t, domain.KafkaPublishError, domain.CodeOf(err))
			require.Less(t, time.Since(start), 3*time.Second)
			consumer.awaitHealth(t, domain.Degraded)
			s.facts.awaitDegraded(t, true)
			outage.restore()
			restored := time.Now()
			require.Eventually(t, func() bool { return p.Publish(t.Context(), command(commands, "b1")) == nil },
				30*time.Second, 10*time.Millisecond)
			t.Logf("publishing again after %v", time.Since(restored).Round(time.Millisecond))
			ids = append(ids, s.produceEvents(t, "u1", 5)...)
			s.published.awaitIDs(t, "u1", ids)
			t.Logf("consuming again after %v", time.Since(restored).Round(time.Millisecond))
			consumer.awaitHealth(t, domain.Healthy)
			s.facts.awaitDegraded(t, false)
		})
	}
}

// TestMissingTopicOfARealBroker uses a broker that does not create topics automatically.
func TestMissingTopicOfARealBroker(t *testing.T) {
	t.Parallel()
	broker := servers.OwnKafka(t, "KAFKA_AUTO_CREATE=false")
	s := newScenario(broker.Addr())
	s.start(t)
	p := publisher(t, broker.Addr(), time.Second, &facts{})
	err := p.Publish(t.Context(), command(s.topic, "b1"))
	// The library may wait for a missing topic until the timeout.
	require.Contains(t, []domain.Code{domain.ConfigurationError, domain.KafkaPublishError}, domain.CodeOf(err))
	timeout := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
	require.True(t, timeout || errors.Is(err, kafkago.UnknownTopicOrPartition), err)

	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(broker.Addr()), Transport: transport}
	created, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{
		Topics: []kafkago.TopicConfig{{Topic: s.topic, NumPartitions: 1, ReplicationFactor: 1}},
	})
	require.NoError(t, err)
	require.NoError(t, created.Errors[s.topic])
	s.published.awaitIDs(t, "u1", s.produceEvents(t, "u1", 3))

	// The consumer notices new partitions and reads them from their beginning.
	grown, err := client.CreatePartitions(t.Context(), &kafkago.CreatePartitionsRequest{
		Topics: []kafkago.TopicPartitionsConfig{{Name: s.topic, Count: 4}},
	})
	require.NoError(t, err)
	require.NoError(t, grown.Errors[s.topic])
	for _, user := range []domain.UserID{"a", "b", "c", "d", "e", "f"} {
		s.published.awaitIDs(t, user, s.produceEvents(t, user, 1))
	}
}
