package deploy_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// objects are the rendered manifests of a directory by kind and name.
type objects map[string]runtime.Object

// render builds the manifests with kustomize and decodes each object into the type of the Kubernetes
// API. An unknown or repeated field is an error.
func render(t *testing.T, directory string) objects {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), root+directory)
	require.NoError(t, err)
	out := objects{}
	for _, resource := range all.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		out.add(t, resource.GetName(), text)
	}
	return out
}

// one returns the object with the type and name.
func one[T runtime.Object](t *testing.T, all objects, name string) T {
	t.Helper()
	object, is := all[name].(T)
	require.True(t, is, "%s is missing", name)
	return object
}

func TestManifests(t *testing.T) {
	t.Parallel()
	for _, directory := range []string{base, example} {
		all := render(t, directory)
		for _, name := range []string{"gateway", "websocket"} {
			t.Run(directory+"/"+name, func(t *testing.T) {
				t.Parallel()
				d := one[*appsv1.Deployment](t, all, "Deployment/edge-"+name)
				s := readSettings(t, name, environment(t, all, d.Spec.Template.Spec.Containers[0]))
				requireGracePeriod(t, d, s)
				requireProbes(t, d, s)
				requireRestrictedPod(t, d)
				requireSpread(t, d)
				requireSelected(t, all, "edge-"+name, d)
			})
		}
	}
}

// TestNetworkPolicySeparatesPorts checks that the ingress controller reaches only the public port and Prometheus only the
// admin port.
func TestNetworkPolicySeparatesPorts(t *testing.T) {
	t.Parallel()
	policy := one[*networkingv1.NetworkPolicy](t, render(t, "deploy/kubernetes/base"), "NetworkPolicy/edge")
	got := map[string]string{}
	for _, rule := range policy.Spec.Ingress {
		require.Len(t, rule.Ports, 1)
		for _, from := range rule.From {
			for _, name := range []string{"envoy-gateway-system", "traefik", "monitoring", "default"} {
				selector, err := metav1.LabelSelectorAsSelector(from.NamespaceSelector)
				require.NoError(t, err)
				if selector.Matches(labels.Set{"kubernetes.io/metadata.name": name}) {
					got[name] += rule.Ports[0].Port.StrVal
				}
			}
		}
	}
	require.Equal(t, map[string]string{"envoy-gateway-system": "http", "traefik": "http", "monitoring": "admin"}, got)
}

// environment returns the environment of the container, with sample values for secrets.
func environment(t *testing.T, all objects, c corev1.Container) map[string]string {
	t.Helper()
	vars := map[string]string{}
	for _, from := range c.EnvFrom {
		require.NotNil(t, from.ConfigMapRef, "a secret is set as a single variable")
		maps.Copy(vars, one[*corev1.ConfigMap](t, all, "ConfigMap/"+from.ConfigMapRef.Name).Data)
	}
	for _, v := range c.Env {
		require.NotContains(t, vars, v.Name)
		require.NotNil(t, v.ValueFrom, "%s: plain values belong in the ConfigMap", v.Name)
		require.NotNil(t, v.ValueFrom.SecretKeyRef, v.Name)
		value, known := sampleSecrets()[v.ValueFrom.SecretKeyRef.Key]
		require.True(t, known, "no secret has the key %s", v.ValueFrom.SecretKeyRef.Key)
		vars[v.Name] = value
	}
	for name, value := range vars {
		secret := strings.Contains(name, "SECRET") || strings.Contains(name, "PASSWORD") || strings.HasSuffix(name, "_KEY")
		require.Equal(t, secret || strings.HasSuffix(name, "REDIS_URL"), slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool {
			return v.Name == name
		}), "secrets belong in a Secret and other values in the ConfigMap: %s=%s", name, value)
	}
	return vars
}

// requireGracePeriod checks that Kubernetes does not kill a pod that is still stopping, and that the pod is no longer an endpoint
// when it stops to serve.
func requireGracePeriod(t *testing.T, d *appsv1.Deployment, s service) {
	t.Helper()
	pod := d.Spec.Template.Spec
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	const margin = 10 * time.Second
	require.Equal(t, s.stop+margin, grace, "the grace period must be the stop timeout and a margin")
	require.Nil(t, pod.Containers[0].Lifecycle, "a hook would delay SIGTERM")
	require.Zero(t, d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue())
	require.Equal(t, 1, d.Spec.Strategy.RollingUpdate.MaxSurge.IntValue())
	ready := pod.Containers[0].ReadinessProbe
	noticed := time.Duration(ready.PeriodSeconds*ready.FailureThreshold+ready.TimeoutSeconds) * time.Second
	require.Less(t, noticed, s.notice, "the drain notice must be longer than the failed readiness probes take")
}

// requireProbes checks that each probe calls an endpoint that the service has.
func requireProbes(t *testing.T, d *appsv1.Deployment, s service) {
	t.Helper()
	c := d.Spec.Template.Spec.Containers[0]
	admin := strings.TrimPrefix(s.admin, ":")
	ports := map[string]string{}
	for _, p := range c.Ports {
		ports[p.Name] = strconv.Itoa(int(p.ContainerPort))
	}
	require.Equal(t, map[string]string{"http": strconv.Itoa(s.port), "admin": admin}, ports)
	require.Equal(t, "/healthz", c.StartupProbe.HTTPGet.Path)
	require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	require.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path, "an outage of a dependency must not restart the pod")
	require.Equal(t, "http", c.StartupProbe.HTTPGet.Port.StrVal)
	require.Equal(t, "admin", c.ReadinessProbe.HTTPGet.Port.StrVal, "only the admin port serves it")
	require.Equal(t, "http", c.LivenessProbe.HTTPGet.Port.StrVal, "liveness is checked on the port of the clients")
}

// requireRestrictedPod checks that the pod has only the permissions that it needs.
func requireRestrictedPod(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	require.False(t, *pod.AutomountServiceAccountToken)
	require.False(t, *pod.EnableServiceLinks, "the service would read the variables of a Service as settings")
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.EqualValues(t, 65532, *pod.SecurityContext.RunAsUser)
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	require.Len(t, pod.Containers, 1)
	require.Empty(t, pod.Volumes)
	c := pod.Containers[0]
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.NotZero(t, c.Resources.Requests.Cpu().MilliValue())
	require.NotZero(t, c.Resources.Limits.Memory().Value())
	require.Zero(t, c.Resources.Limits.Cpu().MilliValue(), "a CPU limit throttles the service")
}

// requireSpread checks that the pods are spread over nodes and zones.
func requireSpread(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
		requireSelects(t, c.LabelSelector, d)
	}
	require.Len(t, d.Spec.Template.Spec.TopologySpreadConstraints, 2)
}

// requireSelected checks that every object that applies to the pods of the deployment selects them.
func requireSelected(t *testing.T, all objects, name string, d *appsv1.Deployment) {
	t.Helper()
	requireSelects(t, d.Spec.Selector, d)
	s := one[*corev1.Service](t, all, "Service/"+name)
	requireSelects(t, &metav1.LabelSelector{MatchLabels: s.Spec.Selector}, d)
	require.Equal(t, "http", s.Spec.Ports[0].TargetPort.StrVal)
	budget := one[*policyv1.PodDisruptionBudget](t, all, "PodDisruptionBudget/"+name)
	requireSelects(t, budget.Spec.Selector, d)
	require.Equal(t, 1, budget.Spec.MaxUnavailable.IntValue())
	requireSelects(t, &one[*networkingv1.NetworkPolicy](t, all, "NetworkPolicy/edge").Spec.PodSelector, d)
	require.Len(t, s.Spec.Ports, 1, "no Service exposes the admin port")
	require.False(t, *one[*corev1.ServiceAccount](t, all, "ServiceAccount/"+d.Spec.Template.Spec.ServiceAccountName).AutomountServiceAccountToken)
	scaler := one[*autoscalingv2.HorizontalPodAutoscaler](t, all, "HorizontalPodAutoscaler/"+name)
	require.Equal(t, autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}, scaler.Spec.ScaleTargetRef)
	require.GreaterOrEqual(t, *scaler.Spec.MinReplicas, int32(2), "a single pod cannot be replaced without an interruption")
	require.Nil(t, d.Spec.Replicas, "the autoscaler sets the number of replicas")
	for _, m := range scaler.Spec.Metrics {
		if m.Pods != nil {
			require.True(t, exported(t)[m.Pods.Metric.Name], m.Pods.Metric.Name)
		}
	}
}

// requireSelects checks that the selector matches the pods of the deployment.
func requireSelects(t *testing.T, s *metav1.LabelSelector, d *appsv1.Deployment) {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	require.NoError(t, err)
	require.False(t, selector.Empty())
	require.True(t, selector.Matches(labels.Set(d.Spec.Template.Labels)), "%s does not select %v", selector, d.Spec.Template.Labels)
}
