package main

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/huleedu/edge/cmd/edge/internal/diagnose"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/servers"
)

// TestDoctorNamesMissingRightsOnRealKafka starts with a user without rights. The doctor names each
// missing right; the test grants what its advice says, until nothing is wrong.
func TestDoctorNamesMissingRightsOnRealKafka(t *testing.T) {
	broker := servers.SecuredKafka(t, "KAFKA_EXTRA=authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer;super.users=User:ANONYMOUS")
	admin, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.AllowAutoTopicCreation())
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	notifications := string(domain.NotificationTopic)
	for _, topic := range []string{string(domain.CommandTopic), notifications, notifications + ".dlq"} {
		require.NoError(t, admin.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("first")}).FirstErr())
	}
	vars := healthyMachine(t)
	for name, value := range map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": broker.Listener("SASL_PLAINTEXT"), "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
		"KAFKA_SASL_USERNAME": servers.User, "KAFKA_SASL_PASSWORD": servers.Password,
	} {
		vars[name], vars["API_GATEWAY_"+name] = value, value
	}

	wanted := map[string]string{
		"--operation write --topic " + string(domain.CommandTopic): "write topic " + string(domain.CommandTopic),
		"--operation read --topic " + notifications:                "read topic " + notifications,
		"--operation write --topic " + notifications + ".dlq":      "write topic " + notifications + ".dlq",
		"--operation read --group websocket-service-consumer":      "read group websocket-service-consumer",
	}
	for len(wanted) > 0 {
		code, findings := examine(t, maps.Clone(vars))
		require.Equal(t, 1, code)
		missing := map[string]string{}
		for _, f := range findings {
			if f.Severity == diagnose.Fault {
				require.Equal(t, "rights", f.Check, "%v", f)
				advice := regexp.MustCompile(`^Grant it: kafka-acls --bootstrap-server \S+ --add --allow-principal User:` + servers.User + ` (--operation .*)$`).FindStringSubmatch(f.Advice)
				require.NotNil(t, advice, f.Advice)
				missing[advice[1]] = strings.TrimPrefix(f.Found, "User:"+servers.User+": no right to ")
			}
		}
		require.Equal(t, wanted, missing)
		for advice := range wanted {
			grant(t, admin, strings.Fields(advice))
			delete(wanted, advice)
			break
		}
	}
	code, findings := examine(t, vars)
	require.Equal(t, 0, code, "%v", findings)
}

// grant does what "kafka-acls --add" does with the flags "--operation X --topic Y" or "--group Y".
func grant(t *testing.T, admin *kgo.Client, flags []string) {
	t.Helper()
	rule := kmsg.NewCreateACLsRequestCreation()
	rule.ResourceType = map[string]kmsg.ACLResourceType{"--topic": kmsg.ACLResourceTypeTopic, "--group": kmsg.ACLResourceTypeGroup}[flags[2]]
	rule.Operation = map[string]kmsg.ACLOperation{"read": kmsg.ACLOperationRead, "write": kmsg.ACLOperationWrite}[flags[1]]
	rule.ResourceName, rule.ResourcePatternType = flags[3], kmsg.ACLResourcePatternTypeLiteral
	rule.Principal, rule.Host, rule.PermissionType = "User:"+servers.User, "*", kmsg.ACLPermissionTypeAllow
	request := kmsg.NewPtrCreateACLsRequest()
	request.Creations = []kmsg.CreateACLsRequestCreation{rule}
	response, err := request.RequestWith(t.Context(), admin)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(response.Results[0].ErrorCode))
}
