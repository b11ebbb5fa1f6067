package diagnose

import (
	"cmp"
	"context"
	"fmt"

	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/cmd/edge/internal/topics"
	"github.com/huleedu/edge/domain"
)

// topicNeed is a topic that a service uses.
type topicNeed struct {
	topic string
	// write is set for a topic that the service writes; it reads the others.
	write bool
	// created reports that the service creates the topic when it needs it, if the broker allows that.
	created bool
}

// needs returns the topics of the service.
func (p target) needs() []topicNeed {
	if p.service == domain.GatewayService {
		return []topicNeed{{topic: string(domain.CommandTopic), write: true}}
	}
	return []topicNeed{
		{topic: string(domain.NotificationTopic)},
		{topic: kafka.DeadLetterTopic(string(domain.NotificationTopic)), write: true, created: p.environment == domain.Development},
	}
}

// checkKafka reports whether the brokers answer, and whether the topics exist and may be used.
func (d *checks) checkKafka(ctx context.Context) {
	unreachable := map[string]bool{}
	for _, p := range d.targets {
		client, err := topics.Open(p.kafka)
		if err != nil {
			d.add(Fault, "kafka", p.name+": "+err.Error(), "Correct the KAFKA_* settings.")
			continue
		}
		for _, need := range p.needs() {
			if !unreachable[p.kafka.Brokers] {
				unreachable[p.kafka.Brokers] = !d.checkTopic(ctx, client, p, need)
			}
		}
		if p.kafka.Group != "" && !unreachable[p.kafka.Brokers] {
			d.checkGroup(ctx, client, p)
		}
		client.Close()
	}
}

// checkTopic reports the state of one topic. It returns false if no broker answers.
func (d *checks) checkTopic(ctx context.Context, client *topics.Inspector, p target, need topicNeed) (answered bool) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	rights, err := client.TopicRights(ctx, need.topic)
	var partitions []int32
	if err == nil && rights != (topics.Rights{}) {
		partitions, err = client.Partitions(ctx, need.topic)
	}
	switch {
	case topics.IsMissing(err):
		d.addMissing(need)
	case err != nil:
		d.add(Fault, "kafka", p.kafka.Brokers+": "+cause(err), "Start Kafka, or correct KAFKA_BOOTSTRAP_SERVERS and the KAFKA_SASL_* and KAFKA_SSL_* settings. The brokers' advertised addresses must be reachable from here too.")
		return false
	case need.write && !rights.Write, !need.write && !rights.Read:
		d.add(Fault, "rights", fmt.Sprintf("%s: no right to %s topic %s", p.principal(), verb(need), need.topic), p.grant(verb(need), "--topic "+need.topic))
	default:
		d.add(Good, "topics", fmt.Sprintf("%s has %d partitions", need.topic, len(partitions)), "")
		d.add(Good, "rights", fmt.Sprintf("may %s %s", verb(need), need.topic), "")
	}
	return true
}

// addMissing reports a topic that does not exist.
func (d *checks) addMissing(need topicNeed) {
	if need.created {
		d.add(Warning, "topics", need.topic+" does not exist yet", "The service asks the broker to create it with the first dead letter. Where auto.create.topics.enable is false, create it now.")
		return
	}
	d.add(Fault, "topics", need.topic+" does not exist", "Create it: kafka-topics --create --topic "+need.topic+" --partitions 3")
}

// checkGroup reports whether the login may use the consumer group of the service.
func (d *checks) checkGroup(ctx context.Context, client *topics.Inspector, p target) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	rights, err := client.GroupRights(ctx, p.kafka.Group)
	switch {
	case err != nil:
		d.add(Warning, "rights", "group "+p.kafka.Group+": the brokers do not tell the rights: "+cause(err), "")
	case !rights.Read:
		d.add(Fault, "rights", fmt.Sprintf("%s: no right to read group %s", p.principal(), p.kafka.Group), p.grant("read", "--group "+p.kafka.Group))
	default:
		d.add(Good, "rights", "may read group "+p.kafka.Group, "")
	}
}

// principal returns the name by which the brokers know the login.
func (p target) principal() string { return "User:" + cmp.Or(p.kafka.Username, "ANONYMOUS") }

// grant returns the advice to grant a right.
func (p target) grant(operation, resource string) string {
	return fmt.Sprintf("Grant it: kafka-acls --bootstrap-server %s --add --allow-principal %s --operation %s %s", p.kafka.Brokers, p.principal(), operation, resource)
}

func verb(n topicNeed) string {
	if n.write {
		return "write"
	}
	return "read"
}
