package faults_test

import (
	"fmt"
	"slices"
	"strings"
)

const (
	gatewayClientLink = "client - gateway"
	gatewayRedisLink  = "gateway - Redis"
	gatewayKafkaLink  = "gateway - Kafka"
)

// Errors of the standard form that faults cause.
const (
	timedOut    = "504 TIMEOUT"
	unreachable = "503 CONNECTION_ERROR"
	circuitOpen = "503 CIRCUIT_BREAKER_OPEN"
	incomplete  = "502 INVALID_RESPONSE"
	notWritten  = "503 KAFKA_PUBLISH_ERROR"
)

// gatewayExpectation says beforehand how a gateway answers while one of its links fails.
type gatewayExpectation struct {
	link, fault string
	// kinds are the names of the requests that use the link.
	kinds []string
	// allowed are the answers that clients may get.
	allowed []string
	// fast selects the row for the run without EDGE_TEST_FULL.
	fast bool
}

// declared returns the columns of the row that are known before the run.
func (e gatewayExpectation) declared() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %.0f s |", e.link, e.fault, strings.Join(e.kinds, ", "), strings.Join(e.allowed, ", "), gatewayRecovery.Seconds())
}

// serviceLinks returns the services behind the gateway and the settings of their URLs.
func serviceLinks() map[string]string {
	return map[string]string{
		"result aggregator": "API_GATEWAY_RESULT_AGGREGATOR_URL", "orchestrator": "API_GATEWAY_BOS_URL", "file service": "API_GATEWAY_FILE_SERVICE_URL",
		"class management": "API_GATEWAY_CMS_API_URL", "teacher backend": "API_GATEWAY_BFF_TEACHER_URL",
	}
}

// gatewayExpectations returns a row for each link of the gateway and fault.
func gatewayExpectations() []gatewayExpectation {
	well := []string{answered}
	lost := []string{timedOut, unreachable, incomplete, circuitOpen}
	streamed := append(slices.Clone(lost), cut)
	broken := []string{cut, noAnswer, tooLate}
	var out []gatewayExpectation
	// rows adds the rows of a link: the requests that use it, and what they may get while it is slow
	// and while its connections fail.
	rows := func(link string, kinds, delayed, failed []string, fast ...string) {
		for _, f := range lineFaults() {
			if f.name == slowThenCut {
				continue // it is about messages on their way
			}
			allowed := well
			switch f.name {
			case cutAnswer:
				allowed = failed
				if !slices.Contains(failed, answered) {
					allowed = append([]string{answered}, failed...) // a short answer is not cut
				}
			case slowLine, narrowLine:
				allowed = delayed
			case halfOpenLine, cutCommand:
				allowed = failed
			}
			out = append(out, gatewayExpectation{link: link, fault: f.name, kinds: kinds, allowed: allowed, fast: slices.Contains(fast, f.name)})
		}
	}
	rows(gatewayClientLink, []string{"status", "command", "command with a key", "upload", "classes"}, well, broken, cutAnswer)
	rows(gatewayRedisLink, []string{"status", "command", "classes"}, well, well, halfOpenLine)
	rows(gatewayKafkaLink, []string{"command"}, well, []string{notWritten})
	rows("gateway - result aggregator", []string{"status"}, []string{answered, timedOut}, lost, halfOpenLine)
	rows("gateway - orchestrator", []string{"command", "prompt"}, []string{answered, timedOut}, lost, cutCommand)
	rows("gateway - file service", []string{"upload"}, []string{answered, timedOut}, lost, cutCommand)
	rows("gateway - class management", []string{"classes", "new class"}, []string{answered, timedOut}, streamed, cutAnswer)
	rows("gateway - teacher backend", []string{"dashboard"}, []string{answered, timedOut}, streamed, slowLine)
	return out
}
