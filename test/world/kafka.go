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

// kafkaPartitions is how many partitions a topic has: enough to tell order per
// key from order per topic.
const kafkaPartitions = 3

// Kafka is a broker inside this process. It keeps records in memory, creates
// topics on first use and forgets everything when it is closed.
type Kafka struct {
	cluster *kfake.Cluster
	gate    *gate
}

// StartKafka starts a broker on addr, a loopback host:port; an empty addr, or
// port 0, takes a free one. The topics exist at once, others on first use.
// Close is owed.
func StartKafka(addr string, topics ...string) (*Kafka, error) {
	port, err := loopbackPort(addr)
	if err != nil {
		return nil, err
	}
	g := newGate()
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

// loopbackPort reads the port of an address that nobody outside can reach.
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

// Addr is the broker's host:port.
func (k *Kafka) Addr() string { return k.cluster.ListenAddrs()[0] }

// Close ends the broker and all its connections.
func (k *Kafka) Close() {
	k.gate.set(gateCut)
	k.cluster.Close()
}

// Hang keeps connections open and answers nothing, like a stopped process,
// until Resume.
func (k *Kafka) Hang() { k.gate.set(gateHung) }

// Cut breaks every connection and refuses new ones, like a killed process,
// until Resume. Nothing that was written is lost.
func (k *Kafka) Cut() { k.gate.set(gateCut) }

// Resume ends Hang and Cut.
func (k *Kafka) Resume() { k.gate.set(gateOpen) }

// RefuseWrites answers every record for the topic with "too few replicas".
func (k *Kafka) RefuseWrites(topic string) *Refusal {
	return &Refusal{k.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotEnoughReplicas, Count: -1,
	})}
}

// RefuseCommits answers every commit of the consumer group with an error.
func (k *Kafka) RefuseCommits(group string) *Refusal {
	return &Refusal{k.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: group, Err: kerr.CoordinatorNotAvailable, Count: -1,
	})}
}

// Refusal is a kind of request that a broker answers with an error, until End.
type Refusal struct{ fault *kfake.FaultHandle }

// End lets such requests pass again.
func (r *Refusal) End() { r.fault.Remove() }

// Met returns nil once a request has been refused, or ctx's error.
func (r *Refusal) Met(ctx context.Context) error { return r.fault.Wait(ctx, 1) }

// Committed returns how far a consumer group has come on a topic: partition ->
// offset of the next record. A partition without a commit is not there.
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

// Members returns how many consumers a group has now.
func (k *Kafka) Members(group string) int {
	info := k.cluster.GroupInfo(group)
	if info == nil {
		return 0
	}
	return len(info.Members)
}
