package deploy_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
)

// TestPolicyAllowsTheUsualPorts checks the ports outside of the namespace to which the
// services connect in usual installations.
func TestPolicyAllowsTheUsualPorts(t *testing.T) {
	t.Parallel()
	policy := one[*networkingv1.NetworkPolicy](t, render(t, base), "NetworkPolicy/edge")
	for use, port := range map[string]int32{
		"https, key sets": 443, "OTLP over gRPC": 4317, "OTLP over HTTP": 4318,
		"Redis": 6379, "Redis with TLS": 6380, "Redis sentinel": 26379,
		"Kafka, plain text": 9092, "Kafka, TLS": 9093, "Kafka, external TLS": 9094, "Kafka, SASL over TLS": 9096, "Kafka, IAM": 9098,
	} {
		require.True(t, allows(policy, port), "%s: %d", use, port)
	}
	for _, port := range []int32{22, 80, 3306, 5432, 8080, 9099, 9200} {
		require.False(t, allows(policy, port), "%d", port)
	}
}

// allows reports whether a rule without destination allows TCP to the port.
func allows(policy *networkingv1.NetworkPolicy, port int32) bool {
	for _, rule := range policy.Spec.Egress {
		for _, p := range rule.Ports {
			last := p.Port.IntVal
			if p.EndPort != nil {
				last = *p.EndPort
			}
			if len(rule.To) == 0 && p.Port.IntVal <= port && port <= last && *p.Protocol == "TCP" {
				return true
			}
		}
	}
	return false
}
