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

// kafkaScript is embedded, so that a test binary does not depend on its location.
//
//go:embed kafka.sh pom.xml
var kafkaScript embed.FS

// Broker is a real Kafka for one test. Its address and data survive Kill, Stop and Start.
type Broker struct {
	t         testing.TB
	directory string
	port      int
	settings  []string
}

// OwnKafka starts a real Kafka for a test that stops it. t.Cleanup stops it. settings are
// variables of kafka.sh, such as "KAFKA_AUTO_CREATE=false". The test is skipped or fails
// under the same conditions as with Kafka. The start takes about three seconds.
func OwnKafka(t testing.TB, settings ...string) *Broker {
	t.Helper()
	Kafka(t)
	for _, program := range []string{"java", "mvn", "setsid"} {
		if _, err := exec.LookPath(program); err != nil {
			skipOrFail(t, program+" is not in PATH")
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

// Addr returns the broker's host:port.
func (b *Broker) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// Start starts the broker with its existing data and returns when it responds.
func (b *Broker) Start() { b.t.Helper(); b.call("start") }

// Stop shuts the broker down gracefully.
func (b *Broker) Stop() { b.t.Helper(); b.call("stop") }

// Kill sends SIGKILL to the broker.
func (b *Broker) Kill() { b.t.Helper(); b.call("kill") }

// Pause stops the broker process: connections stay open without responses.
func (b *Broker) Pause() { b.t.Helper(); b.call("pause") }

// Resume continues a paused broker.
func (b *Broker) Resume() { b.t.Helper(); b.call("resume") }

func (b *Broker) call(verb string) {
	b.t.Helper()
	// The context of the test is cancelled before its cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", filepath.Join(b.directory, "kafka.sh"), verb)
	c.Env = append(os.Environ(), b.settings...)
	c.Env = append(c.Env, "KAFKA_RUN="+filepath.Join(b.directory, "run"), fmt.Sprintf("KAFKA_PORT=%d", b.port))
	if out, err := c.CombinedOutput(); err != nil {
		b.t.Fatalf("kafka.sh %s: %v\n%s", verb, err, out)
	}
}

// freePorts returns a port whose successor is also free, below the range of outgoing
// connections.
func freePorts(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if portFree(port) && portFree(port+1) {
			return port
		}
	}
	t.Fatal("no free ports between 20000 and 32000")
	return 0
}

func portFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// FreeAddr returns a loopback host:port that is free, for a proxy that starts later. Its port
// is below the range of outgoing connections.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(freePorts(t)))
}
