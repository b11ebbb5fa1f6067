package world

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaPartitions is the number of partitions of a topic. With several partitions
// a test can distinguish order per key from order per topic.
const kafkaPartitions = 3

// Kafka is a broker in this process. It stores records in memory and creates
// topics on first use.
type Kafka struct {
	cluster *kfake.Cluster
	gate    *connGate
}

// StartKafka starts a broker on addr, a loopback host:port. An empty addr or port
// 0 selects a free port. It creates the topics at once. The caller must call Close.
func StartKafka(addr string, topics ...string) (*Kafka, error) {
	port, err := loopbackPort(addr)
	if err != nil {
		return nil, err
	}
	g := newConnGate()
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.Ports(port), kfake.ListenFn(g.listen),
		kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(kafkaPartitions),
		kfake.SeedTopics(kafkaPartitions, topics...),
	)
	if err != nil {
		return nil, fmt.Errorf("start the embedded kafka: %w", err)
	}
	return &Kafka{cluster: cluster, gate: g}, nil
}

// loopbackPort returns the port of a loopback address; other hosts are an error.
func loopbackPort(addr string) (int, error) {
	if addr == "" {
		return 0, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, fmt.Errorf("embedded kafka: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.Equal(net.IPv4(127, 0, 0, 1))) {
		return 0, fmt.Errorf("embedded kafka: %s is not 127.0.0.1", host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("embedded kafka: port %q", port)
	}
	return int(n), nil
}

// Addr returns the broker's host:port.
func (k *Kafka) Addr() string { return k.cluster.ListenAddrs()[0] }

// Close stops the broker and closes all connections.
func (k *Kafka) Close() {
	k.gate.set(gateClosed)
	k.cluster.Close()
}

// Hang stops all responses until Resume, but keeps connections open, like a
// stopped process.
func (k *Kafka) Hang() { k.gate.set(gateStalled) }

// Disconnect closes all connections and closes new ones until Resume, like a killed
// process. Stored records are kept.
func (k *Kafka) Disconnect() { k.gate.set(gateClosed) }

// Resume ends Hang and Disconnect.
func (k *Kafka) Resume() { k.gate.set(gateOpen) }

// FailWrites fails every produce request for the topic with NOT_ENOUGH_REPLICAS.
func (k *Kafka) FailWrites(topic string) *InjectedFault {
	return &InjectedFault{k.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotEnoughReplicas, Count: -1,
	})}
}

// FailCommits fails every offset commit of the consumer group.
func (k *Kafka) FailCommits(group string) *InjectedFault {
	return &InjectedFault{k.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: group, Err: kerr.CoordinatorNotAvailable, Count: -1,
	})}
}

// InjectedFault is an error that the broker returns for a kind of request until Remove is called.
type InjectedFault struct{ fault *kfake.FaultHandle }

// Remove removes the error.
func (r *InjectedFault) Remove() { r.fault.Remove() }

// WaitHit waits until a request has failed. It returns ctx's error if ctx ends first.
func (r *InjectedFault) WaitHit(ctx context.Context) error { return r.fault.Wait(ctx, 1) }

// Committed returns the committed offset (the next record) of each partition. A
// partition without a commit is missing.
func (k *Kafka) Committed(group, topic string) map[int32]int64 {
	out := map[int32]int64{}
	info := k.cluster.GroupInfo(group)
	if info == nil {
		return out
	}
	for partition, c := range info.Commits[topic] {
		out[partition] = c.Offset
	}
	return out
}

// Members returns the number of members of a consumer group.
func (k *Kafka) Members(group string) int {
	info := k.cluster.GroupInfo(group)
	if info == nil {
		return 0
	}
	return len(info.Members)
}
