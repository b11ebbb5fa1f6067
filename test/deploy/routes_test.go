package deploy_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// routed are the paths that clients use, with the service that answers them.
func routed() map[string]string {
	return map[string]string{"/v1": "edge-gateway", "/bff/v1": "edge-gateway", "/ws": "edge-websocket", "/events": "edge-websocket"}
}

func TestHTTPRouteHasThePathsOfClients(t *testing.T) {
	t.Parallel()
	route := one[*gatewayv1.HTTPRoute](t, render(t, example), "HTTPRoute/edge")
	got := map[string]string{}
	for _, rule := range route.Spec.Rules {
		require.Equal(t, gatewayv1.Duration("0s"), *rule.Timeouts.Request, "a gateway must not end streams, sockets and uploads")
		require.Len(t, rule.BackendRefs, 1)
		require.EqualValues(t, 80, *rule.BackendRefs[0].Port)
		for _, match := range rule.Matches {
			got[*match.Path.Value] = string(rule.BackendRefs[0].Name)
		}
	}
	require.Equal(t, routed(), got)
	require.NotEmpty(t, route.Spec.ParentRefs)
	require.NotEmpty(t, route.Spec.Hostnames)
}

func TestIngressHasThePathsOfClients(t *testing.T) {
	t.Parallel()
	all := withComponents(t, "ingress")
	ingress := one[*networkingv1.Ingress](t, all, "Ingress/edge")
	require.Empty(t, ingress.Annotations, "annotations bind it to one controller")
	require.NotEqual(t, "nginx", *ingress.Spec.IngressClassName, "that controller is retired")
	got := map[string]string{}
	for _, rule := range ingress.Spec.Rules {
		for _, path := range rule.HTTP.Paths {
			require.Equal(t, "http", path.Backend.Service.Port.Name)
			got[path.Path] = path.Backend.Service.Name
		}
		require.Contains(t, ingress.Spec.TLS[0].Hosts, rule.Host)
	}
	require.Equal(t, routed(), got)
}
