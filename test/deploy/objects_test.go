package deploy_test

import (
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// base and example are the directories that kustomize renders.
const (
	base    = "deploy/kubernetes/base"
	example = "deploy/kubernetes/overlays/example"
)

// add decodes an object into the type of its API. An unknown or doubled field, or a second
// object of the same kind and name, is an error.
func (o objects) add(t *testing.T, name string, text []byte) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, autoscalingv2.AddToScheme, networkingv1.AddToScheme,
		policyv1.AddToScheme, monitoringv1.AddToScheme, gatewayv1.Install,
	} {
		require.NoError(t, add(scheme))
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	object, kind, err := strict.Decode(text, nil, nil)
	require.NoError(t, err, "%s", text)
	key := kind.Kind + "/" + name
	require.NotContains(t, o, key)
	o[key] = object
}
