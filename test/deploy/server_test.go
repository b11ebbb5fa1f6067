package deploy_test

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// server is the Redis or the Kafka of a platform.
type server struct {
	address string
	real    bool // a process of its own; otherwise embedded in this one
	stop    func()
	start   func()
}

// startRedis starts redis-server, or an embedded Redis where that is not installed.
func startRedis(t *testing.T) server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		r := servers.OwnRedis(t)
		return server{address: r.URL(), real: true, stop: r.Kill, start: r.Start}
	}
	r := servers.EmbeddedRedis(t)
	return server{address: r.URL(), stop: r.Stop, start: func() { require.NoError(t, r.Restart()) }}
}

// kafkaServer is a server that can refuse commands.
type kafkaServer struct {
	server
	// refuse denies writes to the topic of commands until the returned function is called.
	refuse func() (allow func())
}

// startKafka starts a real Kafka beside the one of test/servers/with.sh, or an embedded Kafka without that.
func startKafka(t *testing.T) kafkaServer {
	t.Helper()
	if !servers.HasKafka() {
		k := servers.EmbeddedKafka(t, string(domain.CommandTopic), string(domain.NotificationTopic), string(domain.NotificationTopic)+".dlq")
		const topicAuthorizationFailed = 29
		return kafkaServer{
			server: server{address: k.Addr(), stop: k.Disconnect, start: k.Resume},
			refuse: func() func() { return k.FailWritesWith(string(domain.CommandTopic), topicAuthorizationFailed).Remove },
		}
	}
	b := servers.OwnKafka(t, "KAFKA_EXTRA=authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer;allow.everyone.if.no.acl.found=true")
	return kafkaServer{
		server: server{address: b.Addr(), real: true, stop: b.Kill, start: b.Start},
		refuse: func() func() { return denyCommands(t, b.Addr()) },
	}
}

// denyCommands takes the right to write commands from everyone, and nothing else, and returns the
// function that gives it back. A topic with a rule needs a rule for every right: only a topic without
// any is open to everyone.
func denyCommands(t *testing.T, address string) (allow func()) {
	t.Helper()
	transport := &kafka.Transport{}
	client := &kafka.Client{Addr: kafka.TCP(address), Transport: transport}
	rule := kafka.ACLEntry{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: string(domain.CommandTopic), ResourcePatternType: kafka.PatternTypeLiteral,
		Principal: "User:*", Host: "*", Operation: kafka.ACLOperationTypeAll, PermissionType: kafka.ACLPermissionTypeAllow,
	}
	deny := rule
	deny.Operation, deny.PermissionType = kafka.ACLOperationTypeWrite, kafka.ACLPermissionTypeDeny
	created, err := client.CreateACLs(t.Context(), &kafka.CreateACLsRequest{ACLs: []kafka.ACLEntry{rule, deny}})
	require.NoError(t, err)
	require.NoError(t, errors.Join(created.Errors...))
	return func() {
		defer transport.CloseIdleConnections()
		_, err := client.DeleteACLs(context.Background(), &kafka.DeleteACLsRequest{Filters: []kafka.DeleteACLsFilter{{
			ResourceTypeFilter: kafka.ResourceTypeTopic, ResourceNameFilter: string(domain.CommandTopic), ResourcePatternTypeFilter: kafka.PatternTypeLiteral,
			Operation: kafka.ACLOperationTypeAny, PermissionType: kafka.ACLPermissionTypeAny,
		}}})
		require.NoError(t, err)
	}
}
