package deploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	k8slabels "k8s.io/apimachinery/pkg/labels"
)

// errInvalidCommand is reported for arguments that are wrong.
var errInvalidCommand = errors.New("invalid command")

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errInvalidCommand, fmt.Sprintf(format, args...))
}

// runTool acts as the tool and returns the exit code. What it knows lies beside the tool in PATH.
func runTool(name string, args []string) int {
	path, err := exec.LookPath(name)
	s := standIn{directory: filepath.Dir(path), out: os.Stdout}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(filepath.Join(s.directory, "cluster.json"))
	}
	if err == nil {
		err = json.Unmarshal(text, &s.cluster)
	}
	switch {
	case err != nil:
	case name == "kubectl":
		err = s.kubectl(args)
	default:
		err = s.kafka(name, args)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// standIn checks the arguments of kubectl and of Kafka's scripts.
type standIn struct {
	cluster   cluster
	directory string
	out       io.Writer
	words     []string          // arguments that are not flags
	flags     map[string]string // by name
	after     []string          // what follows "--"
}

// kubectlFlags returns the flags of each verb. Those whose value is a word of its own are "-x VALUE".
func kubectlFlags() map[string][]string {
	return map[string][]string{
		"get":     {"-n", "-l", "-o", "--all-namespaces"},
		"logs":    {"-n", "-l", "--tail", "--since", "--prefix", "--previous"},
		"exec":    {"-n"},
		"rollout": {"-n"},
		"scale":   {"-n", "--replicas"},
		"delete":  {"-n", "--grace-period", "--force"},
		"set":     {"-n", "--containers", "--list"},
		"run":     {"-n", "--rm", "-it", "--restart", "--image"},
	}
}

// kubectl checks the arguments and prints what the command would print, shortly.
func (s *standIn) kubectl(args []string) error {
	if err := s.parse(args, "-n", "-l", "-o"); err != nil {
		return err
	}
	if len(s.words) == 0 {
		return invalidf("no verb")
	}
	verb, words := s.words[0], s.words[1:]
	known, found := kubectlFlags()[verb]
	if !found {
		return invalidf("unknown verb %s", verb)
	}
	for name := range s.flags {
		if !slices.Contains(known, name) {
			return invalidf("kubectl %s has no flag %s", verb, name)
		}
	}
	if _, all := s.flags["--all-namespaces"]; !all && s.flags["-n"] != s.cluster.Namespace {
		return invalidf("the namespace is %q", s.flags["-n"])
	}
	return s.verb(verb, words)
}

func (s *standIn) verb(verb string, words []string) error {
	switch verb {
	case "get":
		return s.printPods(words)
	case "logs":
		return s.logs(words)
	case "exec":
		return s.exec(words)
	case "rollout":
		if len(words) < 2 || !slices.Contains([]string{"undo", "status", "restart", "pause"}, words[0]) {
			return invalidf("rollout %s", words)
		}
		return s.deployments(words[1:])
	case "set":
		if len(words) < 2 || words[0] != "env" {
			return invalidf("set %s", words)
		}
		_, _ = fmt.Fprintln(s.out, "# deployment\n# JWT_SECRET_KEY from secret")
		return s.deployments(words[1:])
	case "scale":
		if s.flags["--replicas"] == "" {
			return invalidf("no --replicas")
		}
		return s.deployments(words)
	case "delete":
		if len(words) != 2 || words[0] != "pod" {
			return invalidf("delete %s", words)
		}
		_, err := s.deploymentOf(words[1])
		return err
	default: // run
		if s.flags["--image"] == "" || len(words) != 1 {
			return invalidf("run %s", words)
		}
		c := exec.Command("curl", s.after...)
		c.Stdout, c.Stderr = s.out, os.Stderr
		return c.Run()
	}
}

// parse sorts the arguments. separate are the flags whose value is the next argument.
func (s *standIn) parse(args []string, separate ...string) error {
	s.flags = map[string]string{}
	for i := 0; i < len(args); i++ {
		name, value, _ := strings.Cut(args[i], "=")
		switch {
		case args[i] == "--":
			s.after = args[i+1:]
			return nil
		case slices.Contains(separate, name):
			if i++; i == len(args) {
				return invalidf("%s has no value", name)
			}
			s.flags[name] = args[i]
		case strings.HasPrefix(name, "-"):
			s.flags[name] = value
		default:
			s.words = append(s.words, args[i])
		}
	}
	return nil
}

// deployments checks that the words are existing deployments.
func (s *standIn) deployments(words []string) error {
	for _, word := range words {
		kind, name, _ := strings.Cut(word, "/")
		if _, found := s.cluster.Deployments[name]; !found || kind != "deployment" && kind != "deploy" {
			return invalidf("there is no %s", word)
		}
		_, _ = fmt.Fprintln(s.out, word, "done")
	}
	return nil
}

// selected returns the deployments whose pods the selector -l matches; without it all of them.
func (s *standIn) selected() ([]string, error) {
	selector, err := k8slabels.Parse(s.flags["-l"])
	if err != nil {
		return nil, invalidf("-l: %s", err)
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.cluster.Deployments)) {
		if selector.Matches(k8slabels.Set(s.cluster.Deployments[name].Labels)) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, invalidf("no pod has the labels %s", s.flags["-l"])
	}
	return out, nil
}

func (s *standIn) printPods(words []string) error {
	if len(words) != 1 || words[0] != "pods" {
		return invalidf("get %s", words)
	}
	found, err := s.selected()
	for _, name := range found {
		_, _ = fmt.Fprintln(s.out, podName(name), "1/1 Running")
	}
	return err
}

// logs prints the stored log of the selected pods.
func (s *standIn) logs(words []string) error {
	found, err := s.selected()
	if len(words) == 1 {
		var name string
		name, err = s.deploymentOf(words[0])
		found = []string{name}
	}
	for _, name := range found {
		text, _ := os.ReadFile(filepath.Join(s.directory, name+".log")) // absent before setLog
		_, _ = s.out.Write(text)
	}
	return err
}

// deploymentOf returns the deployment of a pod.
func (s *standIn) deploymentOf(pod string) (string, error) {
	for name := range s.cluster.Deployments {
		if podName(name) == pod {
			return name, nil
		}
	}
	return "", invalidf("there is no pod %s", pod)
}

// exec checks that the image has the program.
func (s *standIn) exec(words []string) error {
	if len(words) != 1 || len(s.after) != 2 {
		return invalidf("exec %s %s", words, s.after)
	}
	if err := s.deployments(words); err != nil {
		return err
	}
	_, name, _ := strings.Cut(words[0], "/")
	if program := s.cluster.Deployments[name].Program; s.after[0] != program || s.after[1] != "--healthcheck" {
		return invalidf("%s has the program %s --healthcheck", name, program)
	}
	return nil
}

// kafka checks the arguments and runs Kafka's own program, if the broker is a real one.
func (s *standIn) kafka(name string, args []string) error {
	if err := s.checkKafkaNames(args); err != nil {
		return err
	}
	if s.cluster.KafkaScript == "" {
		_, _ = fmt.Fprintln(s.out, "done")
		return nil
	}
	c := exec.Command("bash", append([]string{s.cluster.KafkaScript, "tool", name}, args...)...)
	c.Stdout, c.Stderr = s.out, os.Stderr
	return c.Run()
}

// checkKafkaNames checks that the arguments name the server and existing topics and groups.
func (s *standIn) checkKafkaNames(args []string) error {
	if err := s.parse(args, "--bootstrap-server", "--topic", "--group"); err != nil {
		return err
	}
	if s.flags["--bootstrap-server"] != s.cluster.Kafka {
		return invalidf("the server is %q", s.flags["--bootstrap-server"])
	}
	if topic, given := s.flags["--topic"]; given && !slices.Contains(s.cluster.Topics, topic) {
		return invalidf("there is no topic %s", topic)
	}
	if group, given := s.flags["--group"]; given && !slices.Contains(s.cluster.Groups, group) {
		return invalidf("there is no group %s", group)
	}
	return nil
}
