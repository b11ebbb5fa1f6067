package demonstration

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// anyPort is the loopback address with a port that the system selects.
const anyPort = "127.0.0.1:0"

// NodeCommand is the argument with which this program runs one node of the notification service.
const NodeCommand = "node"

var (
	errNodeEnded  = errors.New("the second node ended")
	errNodeRuns   = errors.New("the second node runs already")
	errNoNode     = errors.New("the second node does not run: start it first")
	errNodeSilent = errors.New("the second node did not become ready within 30 seconds")
)

const (
	nodeStartLimit   = 30 * time.Second       // nodeStartLimit limits the wait until the second node is ready.
	nodePollInterval = 100 * time.Millisecond // nodePollInterval is the time between two checks.
)

// secondNode is a second node of the notification service, a process of its own. It is safe for
// concurrent use.
type secondNode struct {
	vars map[string]string
	errs io.Writer

	mu      sync.Mutex
	address string // empty while the node does not run
	admin   string // the address for operators
	process *exec.Cmd
	done    chan struct{} // is closed when the process has ended
}

// addr returns the node's address, or an empty string while it does not run.
func (n *secondNode) addr() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.address
}

// adminAddr returns the node's address for operators, or an empty string while it does not run.
func (n *secondNode) adminAddr() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.address == "" {
		return ""
	}
	return n.admin
}

// start starts the node and waits until it takes part: it is ready, and has joined the consumer group. The
// embedded Kafka would keep the place of a node that is killed while it joins.
func (n *secondNode) start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.address != "" {
		return errNodeRuns
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	address, err := freeAddress()
	admin, adminErr := freeAddress()
	if err := errors.Join(err, adminErr); err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(address)
	vars := maps.Clone(n.vars)
	maps.Copy(vars, map[string]string{"WEBSOCKET_HOST": host, "WEBSOCKET_PORT": port, "WEBSOCKET_ADMIN_ADDR": admin, "LOG_LEVEL": "error"})
	process := exec.CommandContext(context.WithoutCancel(ctx), program, NodeCommand) // close ends it
	process.Stdout, process.Stderr = n.errs, n.errs
	for name, value := range vars {
		process.Env = append(process.Env, name+"="+value)
	}
	if err := process.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = process.Wait() // the signal that ended it is not a failure
		n.forget(process)
	}()
	if err := awaitReady(ctx, admin, done); err != nil {
		_ = process.Process.Kill()
		return err
	}
	n.address, n.admin, n.process, n.done = address, admin, process, done
	return nil
}

// forget marks the node as ended if the process is still the node's.
func (n *secondNode) forget(process *exec.Cmd) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == process {
		n.address = ""
	}
}

// signal sends a signal to the node and waits until it has ended.
func (n *secondNode) signal(s syscall.Signal) error {
	n.mu.Lock()
	process, done, runs := n.process, n.done, n.address != ""
	n.mu.Unlock()
	if !runs {
		return errNoNode
	}
	if err := process.Process.Signal(s); err != nil {
		return err
	}
	<-done
	return nil
}

// close kills the node if it runs.
func (n *secondNode) close() { _ = n.signal(syscall.SIGKILL) }

// awaitReady waits until the node at the address is ready. done is closed when it has ended.
func awaitReady(ctx context.Context, address string, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, nodeStartLimit)
	defer cancel()
	for {
		if isReady(ctx, address) {
			return nil
		}
		select {
		case <-done:
			return errNodeEnded
		case <-ctx.Done():
			return errNodeSilent
		case <-time.After(nodePollInterval):
		}
	}
}

// isReady reports whether the node at the address answers that it is ready and not degraded, as it is until
// the group has answered.
func isReady(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	var health struct {
		Status string `json:"status"`
	}
	return json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&health) == nil && health.Status == "ready"
}

// freeAddress returns a loopback address with a port that was free a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", anyPort)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
