package deploy_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// chart is the directory of the Helm chart.
const chart = "deploy/helm/huleedu-edge"

// document is an object of Kubernetes as it stands in YAML.
type document = map[string]any

// helm renders the chart as "helm template edge CHART -n huleedu-edge -f VALUES" does.
// The schema of the values is checked.
func helm(t *testing.T, values document) (map[string]document, error) {
	t.Helper()
	loaded, err := loader.LoadDir(root + chart)
	require.NoError(t, err)
	options := common.ReleaseOptions{Name: "edge", Namespace: scrapeNamespace, Revision: 1, IsInstall: true}
	merged, err := util.ToRenderValues(loaded, values, options, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(loaded, merged)
	require.NoError(t, err)
	out := map[string]document{}
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			require.Contains(t, text, "create secret generic edge-gateway --from-literal=internal-api-key=...")
			continue
		}
		for _, part := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
			addDocument(t, out, part)
		}
	}
	return out, nil
}

// addDocument decodes an object and adds it by kind and name. Text without an object is
// ignored.
func addDocument(t *testing.T, to map[string]document, text string) {
	t.Helper()
	var d document
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &d), text)
	if len(d) == 0 {
		return
	}
	key := d["kind"].(string) + "/" + d["metadata"].(document)["name"].(string)
	require.NotContains(t, to, key)
	to[key] = d
}

// kustomization renders a directory that holds only this kustomization.yaml. Its paths are
// relative to the project.
func kustomization(t *testing.T, text string) map[string]document {
	t.Helper()
	directory := t.TempDir()
	here, err := filepath.Abs(root)
	require.NoError(t, err)
	up, err := filepath.Rel(directory, here)
	require.NoError(t, err)
	text = "namespace: " + scrapeNamespace + "\n" + strings.ReplaceAll(text, "- deploy/", "- "+up+"/deploy/")
	require.NoError(t, os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(text), 0o600))
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	require.NoError(t, err)
	out := map[string]document{}
	for _, resource := range all.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		addDocument(t, out, string(text))
	}
	return out
}

// withComponents renders the base with components of deploy/kubernetes/components.
func withComponents(t *testing.T, names ...string) objects {
	t.Helper()
	out := objects{}
	for _, d := range kustomization(t, "resources:\n- "+base+"\ncomponents:\n- deploy/kubernetes/components/"+strings.Join(names, "\n- deploy/kubernetes/components/")+"\n") {
		text, err := yaml.Marshal(d)
		require.NoError(t, err)
		out.add(t, d["metadata"].(document)["name"].(string), text)
	}
	return out
}

// TestHelmEqualsKustomize compares every field of every object. Two differences are meant,
// because each tool has its own way to restart pods when a setting changes: kustomize adds a
// hash to the name of a ConfigMap, Helm an annotation to the pods. The order of the variables
// of a container has no meaning.
func TestHelmEqualsKustomize(t *testing.T) {
	t.Parallel()
	const release = "images:\n- {name: huleedu/edge-gateway, newTag: 0.1.0}\n- {name: huleedu/edge-websocket, newTag: 0.1.0}\n"
	ingress := document{"ingress": document{"enabled": true}}
	for name, c := range map[string]struct {
		values        document
		kustomization string
	}{
		"base":    {document{}, "resources:\n- " + base + "\n" + release},
		"ingress": {ingress, "resources:\n- " + base + "\ncomponents:\n- deploy/kubernetes/components/ingress\n" + release},
		"example": {exampleValues(t), "resources:\n- " + example + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rendered, err := helm(t, c.values)
			require.NoError(t, err)
			wanted := normalised(t, kustomization(t, c.kustomization))
			got := normalised(t, rendered)
			require.Equal(t, slices.Sorted(maps.Keys(wanted)), slices.Sorted(maps.Keys(got)))
			for key := range wanted {
				require.Equal(t, wanted[key], got[key], key)
			}
		})
	}
}

// exampleValues reads example-values.yaml.
func exampleValues(t *testing.T) (values document) {
	t.Helper()
	require.NoError(t, yaml.UnmarshalStrict([]byte(read(t, chart+"/example-values.yaml")), &values))
	return values
}

// normalised removes the two meant differences and sorts the variables of containers.
func normalised(t *testing.T, all map[string]document) map[string]document {
	t.Helper()
	text, err := json.Marshal(all)
	require.NoError(t, err)
	text = regexp.MustCompile(`"(edge-(?:gateway|websocket))-[a-z0-9]{10}"`).ReplaceAll(text, []byte(`"$1"`))
	text = regexp.MustCompile(`"ConfigMap/(edge-(?:gateway|websocket))-[a-z0-9]{10}"`).ReplaceAll(text, []byte(`"ConfigMap/$1"`))
	var out map[string]document
	require.NoError(t, json.Unmarshal(text, &out))
	for key, d := range out {
		if !strings.HasPrefix(key, "Deployment/") {
			continue
		}
		template := d["spec"].(document)["template"].(document)
		metadata := template["metadata"].(document)
		if annotations, found := metadata["annotations"].(document); found {
			delete(annotations, "checksum/config")
			require.Empty(t, annotations)
			delete(metadata, "annotations")
		}
		container := template["spec"].(document)["containers"].([]any)[0].(document)
		slices.SortFunc(container["env"].([]any), func(a, b any) int {
			return strings.Compare(a.(document)["name"].(string), b.(document)["name"].(string))
		})
	}
	return out
}

// TestHelmRestartsPodsWhenASettingChanges compares the annotation of the pods with the hash
// of the settings, before and after a change.
func TestHelmRestartsPodsWhenASettingChanges(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, notice := range []string{"5", "6"} {
		all, err := helm(t, document{"gateway": document{"config": document{"API_GATEWAY_DRAIN_NOTICE": notice}}})
		require.NoError(t, err)
		data, err := json.Marshal(all["ConfigMap/edge-gateway"]["data"])
		require.NoError(t, err)
		sum := sha256.Sum256(data)
		template := all["Deployment/edge-gateway"]["spec"].(document)["template"].(document)
		got := template["metadata"].(document)["annotations"].(document)["checksum/config"].(string)
		require.Equal(t, hex.EncodeToString(sum[:]), got)
		seen[got] = true
	}
	require.Len(t, seen, 2)
}

func TestSchemaRefusesWrongValues(t *testing.T) {
	t.Parallel()
	for problem, values := range map[string]string{
		"an unknown value":               `{gatway: {}}`,
		"an unknown value of a service":  `{gateway: {replicas: 3}}`,
		"a setting in lower case":        `{gateway: {config: {environment: production}}}`,
		"a secret among the settings":    `{websocket: {config: {JWT_SECRET_KEY: abc}}}`,
		"a password among the settings":  `{websocket: {config: {KAFKA_SASL_PASSWORD: abc}}}`,
		"one replica":                    `{gateway: {autoscaling: {minReplicas: 1}}}`,
		"a setting that is a number":     `{gateway: {config: {API_GATEWAY_DRAIN_NOTICE: 5}}}`,
		"a grace period that is a text":  `{gateway: {terminationGracePeriodSeconds: 70s}}`,
		"a policy that lets nothing in":  `{networkPolicy: {ingressNamespaces: []}}`,
		"a route without names of hosts": `{httpRoute: {enabled: true, hostnames: []}}`,
		"connections of the gateway":     `{gateway: {autoscaling: {connections: 10}}}`,
	} {
		var decoded document
		require.NoError(t, yaml.Unmarshal([]byte(values), &decoded))
		_, err := helm(t, decoded)
		require.Error(t, err, problem)
	}
}
