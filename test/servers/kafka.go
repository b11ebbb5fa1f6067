package servers

import (
	"context"
	"embed"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// kafkaScript is carried in the binary, so that a test finds it wherever it
// was built.
//
//go:embed kafka.sh pom.xml
var kafkaScript embed.FS

// Broker is a real Kafka that one test has for itself. Its address stays the
// same through Kill, Stop and Start, and so does what it was told.
type Broker struct {
	t         testing.TB
	directory string
	port      int
	settings  []string
}

// OwnKafka starts a real Kafka for a test that stops or hangs it; t.Cleanup
// ends it. Settings are variables of kafka.sh, "KAFKA_AUTO_CREATE=false" for
// example. Where the shared one is missing it skips the test as Kafka does: it
// needs the same programs, and three seconds to start.
func OwnKafka(t testing.TB, settings ...string) *Broker {
	t.Helper()
	Kafka(t)
	for _, program := range []string{"java", "mvn", "setsid"} {
		if _, err := exec.LookPath(program); err != nil {
			unavailable(t, program+" is not in PATH")
		}
	}
	b := &Broker{t: t, directory: t.TempDir(), settings: settings}
	for _, name := range []string{"kafka.sh", "pom.xml"} {
		content, err := kafkaScript.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.directory, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(b.Stop)
	b.port = freePorts(t)
	b.Start()
	return b
}

// Addr is the broker's host:port.
func (b *Broker) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// Start brings the broker up, again with what it held before, and returns when
// it answers.
func (b *Broker) Start() { b.t.Helper(); b.call("start") }

// Stop shuts the broker down in order.
func (b *Broker) Stop() { b.t.Helper(); b.call("stop") }

// Kill ends the broker as a crash would.
func (b *Broker) Kill() { b.t.Helper(); b.call("kill") }

// Pause hangs the broker: connections stay, nothing is answered.
func (b *Broker) Pause() { b.t.Helper(); b.call("pause") }

// Resume ends Pause.
func (b *Broker) Resume() { b.t.Helper(); b.call("resume") }

func (b *Broker) call(verb string) {
	b.t.Helper()
	// The test's own context is done when its cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", filepath.Join(b.directory, "kafka.sh"), verb)
	c.Env = append(os.Environ(), b.settings...)
	c.Env = append(c.Env, "KAFKA_RUN="+filepath.Join(b.directory, "run"), fmt.Sprintf("KAFKA_PORT=%d", b.port))
	if out, err := c.CombinedOutput(); err != nil {
		b.t.Fatalf("kafka.sh %s: %v\n%s", verb, err, out)
	}
}

// freePorts finds a port of which the next one is free as well, below the
// range from which outgoing connections take theirs.
func freePorts(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if free(port) && free(port+1) {
			return port
		}
	}
	t.Fatal("no free ports between 20000 and 32000")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
