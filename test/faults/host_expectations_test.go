package faults_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/harness"
)

// What a fault of a machine concerns, the first column of the table.
const (
	redisDisk  = "disk of Redis"
	kafkaDisk  = "disk of Kafka"
	nodeCPU    = "processor of a node"
	nodeFiles  = "open files of a node"
	nodeMemory = "memory of a node"
	nodeClock  = "clock of a node"
	kafkaGroup = "consumer group"
	redisName  = "host name of Redis"
	kafkaName  = "host name of Kafka"

	gatewayRedisName = "host name of Redis at a gateway"
	gatewayKafkaName = "host name of Kafka at a gateway"
	aggregatorName   = "host name of the result aggregator"
	classesName      = "host name of class management"
	gatewayFiles     = "open files of a gateway"
	gatewayClock     = "clock of a gateway"
)

// Names of the faults of a machine.
const (
	diskFull     = "full"
	tenthOfCPU   = "runs a tenth of the time"
	filesUsedUp  = "idle connections use all"
	slowReaders  = "clients that do not read, GOMEMLIMIT"
	clockAhead   = "an hour ahead, then right"
	clockBack    = "an hour back, then right"
	lineBreaks   = ", and the line to Redis breaks"
	rebalancing  = "a member joins and leaves each second"
	hostRecovery = 30 * time.Second
	nameRecovery = 15 * time.Second
)

// hostExpectations returns a row for each fault of a machine under the notification service.
func hostExpectations() []expectation {
	rows := []expectation{
		{link: redisDisk, fault: diskFull, loss: losesNothing, recovery: 10 * time.Second, sees: seesDelay},
		{link: kafkaDisk, fault: diskFull, loss: losesNothing, recovery: hostRecovery, sees: seesDelay},
		{link: nodeCPU, fault: tenthOfCPU, loss: losesNothing, recovery: 10 * time.Second, sees: seesDelay},
		{link: kafkaGroup, fault: rebalancing, loss: losesNothing, recovery: 20 * time.Second, sees: seesDelay},
	}
	rows = append(rows,
		expectation{link: nodeFiles, fault: filesUsedUp, loss: losesNothing, recovery: 15 * time.Second, sees: seesNothing},
		expectation{link: nodeMemory, fault: slowReaders, loss: losesNothing, recovery: 10 * time.Second, sees: seesNothing})
	for _, fault := range []string{clockAhead, clockBack} {
		rows = append(rows,
			expectation{link: nodeClock, fault: fault, loss: losesNothing, recovery: 5 * time.Second, sees: seesNothing},
			expectation{link: nodeClock, fault: fault + lineBreaks, loss: losesInGap, recovery: 10 * time.Second, sees: seesResync})
	}
	for _, fault := range []string{nameFails, nameUnknown, nameSilent, nameMoves} {
		rows = append(rows,
			expectation{link: redisName, fault: fault, loss: losesInGap, recovery: nameRecovery, sees: seesResync},
			expectation{link: kafkaName, fault: fault, loss: losesNothing, recovery: hostRecovery, sees: seesDelay})
	}
	return rows
}

// namedSettings returns the settings of a gateway with the address of a server, and what the rows call
// the name of the server.
func namedSettings() map[string]string {
	return map[string]string{
		"REDIS_URL": gatewayRedisName, "KAFKA_BOOTSTRAP_SERVERS": gatewayKafkaName,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": aggregatorName, "API_GATEWAY_CMS_API_URL": classesName,
	}
}

// hostGatewayExpectations returns a row for each fault of a host name that the gateway uses.
func hostGatewayExpectations() []gatewayExpectation {
	lost := []string{timedOut, unreachable, circuitOpen}
	var out []gatewayExpectation
	for _, fault := range []string{nameFails, nameUnknown, nameSilent, nameMoves} {
		// The first request after a move can be on a connection that has just been closed.
		service, kafka := lost, []string{notWritten}
		if fault == nameMoves {
			service, kafka = append([]string{answered}, lost...), []string{answered, notWritten}
		}
		out = append(out,
			gatewayExpectation{link: gatewayRedisName, fault: fault, kinds: []string{"status", "command", "classes"}, allowed: []string{answered}},
			gatewayExpectation{link: gatewayKafkaName, fault: fault, kinds: []string{"command"}, allowed: kafka},
			gatewayExpectation{link: aggregatorName, fault: fault, kinds: []string{"status"}, allowed: service},
			gatewayExpectation{link: classesName, fault: fault, kinds: []string{"classes", "new class"}, allowed: service})
	}
	for _, fault := range []string{clockAhead, clockBack} {
		out = append(out, gatewayExpectation{
			link: gatewayClock, fault: fault, kinds: []string{"status", "command", "command with a key", "upload", "classes"}, allowed: []string{answered},
		})
	}
	out = append(out, gatewayExpectation{
		link: gatewayFiles, fault: filesUsedUp, kinds: []string{"status", "command", "classes"}, allowed: []string{answered},
	})
	return out
}

// hostFault returns the row of a fault. It skips the test if the run does not include the row.
func hostFault(t *testing.T, link, fault string) expectation {
	t.Helper()
	all := hostExpectations()
	i := slices.IndexFunc(all, func(e expectation) bool { return e.link == link && e.fault == fault })
	require.GreaterOrEqual(t, i, 0, "%s %s", link, fault)
	if !all[i].fast && !harness.Full() {
		t.Skip("only with EDGE_TEST_FULL=1")
	}
	return all[i]
}
