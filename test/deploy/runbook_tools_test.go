package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
)

const (
	// commandLimit limits the run time of a command.
	commandLimit = 20 * time.Second
	// listenLimit is the time for which "edge listen" and "edge tail" run, which do not end by themselves.
	listenLimit = 3 * time.Second
)

// invalidCommand returns the pattern of the output of a command that is wrong itself, whatever the servers do.
func invalidCommand() *regexp.Regexp {
	return regexp.MustCompile(`(?im)^invalid command:|^bash: |^(\(error\) )?ERR |^edge: (unknown|accepts)|^unrecognized option|is not a recognized option|^kafka\.sh: `)
}

// runbookTools executes command lines of runbooks. redis-cli, curl and the text tools are those of
// the machine. edge is built from the source. kubectl is a stand-in, which checks its arguments
// against the rendered manifests; kubectl logs prints what setLog has stored. Kafka's scripts check
// that their arguments name existing topics and groups, and then run as Kafka's own programs where
// the broker is a real one.
type runbookTools struct {
	t         *testing.T
	directory string
	vars      map[string]string
	edge      func() string
	// realKafka means that Kafka's scripts run as Kafka's own programs.
	realKafka bool
}

// cluster is what the stand-ins know.
type cluster struct {
	Namespace string
	// Deployments are the rendered ones by name, and those of the services behind the gateway.
	Deployments map[string]clusterDeployment
	// Topics and Groups are names in Kafka, whose address is Kafka.
	Kafka          string
	Topics, Groups []string
	// KafkaScript is the path of test/servers/kafka.sh, which runs Kafka's programs; empty for an
	// embedded Kafka.
	KafkaScript string
}

// clusterDeployment describes the pods of a deployment. Program is the path in their image.
type clusterDeployment struct {
	Labels  map[string]string
	Program string
}

const (
	runbookNamespace = "huleedu-edge"
	backendName      = "result-aggregator"
)

// standIns returns the names of the stand-ins.
func standIns() []string {
	return []string{"kubectl", "kafka-topics.sh", "kafka-acls.sh", "kafka-consumer-groups.sh", "kafka-console-consumer.sh", "kafka-broker-api-versions.sh"}
}

// newRunbookTools creates the tools for the rendered manifests.
func newRunbookTools(t *testing.T) *runbookTools {
	t.Helper()
	r := &runbookTools{t: t, directory: t.TempDir()}
	r.edge = sync.OnceValue(func() string { return build(t, "edge").directory })
	r.vars = map[string]string{
		"NS": runbookNamespace, "POD": podName("edge-websocket"), "SERVICE": backendName, "TEACHER": teacher, "BATCH": string(batch),
		"PRINCIPAL": "User:gateway", "REDIS": "redis://127.0.0.1:1", "KAFKA": "127.0.0.1:1", "JWT_SECRET_KEY": harness.Secret, "JWT_JWKS_URL": "http://127.0.0.1:1",
	}
	for _, name := range standIns() {
		program, err := filepath.Abs(os.Args[0])
		require.NoError(t, err)
		require.NoError(t, os.Symlink(program, filepath.Join(r.directory, name)))
	}
	r.writeCluster()
	return r
}

// writeCluster stores what the stand-ins know, after a change of r.vars.
func (r *runbookTools) writeCluster() {
	r.t.Helper()
	c := cluster{
		Namespace: runbookNamespace, Kafka: r.vars["KAFKA"], Groups: []string{"websocket-service-consumer"},
		Topics:      []string{string(domain.CommandTopic), string(domain.NotificationTopic), string(domain.NotificationTopic) + ".dlq"},
		Deployments: map[string]clusterDeployment{backendName: {}},
	}
	if r.realKafka {
		script, err := filepath.Abs("../servers/kafka.sh")
		require.NoError(r.t, err)
		c.KafkaScript = script
	}
	for name, object := range render(r.t, example) {
		if d, is := object.(*appsv1.Deployment); is {
			template := d.Spec.Template
			c.Deployments[d.Name] = clusterDeployment{Labels: template.Labels, Program: "/" + template.Spec.Containers[0].Name}
			require.Equal(r.t, "Deployment/"+d.Name, name)
		}
	}
	text, err := json.Marshal(c)
	require.NoError(r.t, err)
	require.NoError(r.t, os.WriteFile(filepath.Join(r.directory, "cluster.json"), text, 0o600))
}

// setLog stores the log of the pod of a deployment.
func (r *runbookTools) setLog(deployment, text string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(filepath.Join(r.directory, deployment+".log"), []byte(text), 0o600))
}

// run executes a command line and returns its output.
func (r *runbookTools) run(c runbookCommand) (string, error) {
	r.t.Helper()
	prefix, limit := "set -o pipefail; PATH='"+r.directory+"':$PATH; ", commandLimit
	if c.uses("edge") {
		prefix += "PATH='" + r.edge() + "':$PATH; "
	}
	if c.endless() {
		prefix, limit = prefix+"exec ", listenLimit
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), limit)
	defer cancel()
	line := exec.CommandContext(ctx, "bash", "-c", prefix+c.text)
	line.Dir, line.WaitDelay = r.t.TempDir(), time.Second
	line.Env = line.Environ()
	for key, value := range r.vars {
		line.Env = append(line.Env, key+"="+value)
	}
	out, err := line.CombinedOutput()
	if c.endless() && errors.Is(ctx.Err(), context.DeadlineExceeded) && len(out) > 0 {
		err = nil
	}
	return string(out), err
}

// podName returns the name of a deployment's pod.
func podName(deployment string) string { return deployment + "-5d9c7b-x2" }
