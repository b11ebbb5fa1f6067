package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	client "github.com/huleedu/edge/adapters/console"
)

const (
	nodeTimeout   = 5 * time.Second // nodeTimeout limits one request to a node.
	maxNodeAnswer = 8 << 20         // maxNodeAnswer limits an answer of a node, in bytes.
)

var (
	errNodeAnswer = errors.New("the node answered")
	errLargeBody  = errors.New("the answer of the node is too large")
)

// Nodes asks the admin addresses of the nodes. It is safe for concurrent use.
type Nodes struct {
	// Addresses returns the host:port of each node's admin listener. They come from the command
	// line, never from a request.
	Addresses func() []string
	// Token is ADMIN_TOKEN of the services; empty if the nodes have none.
	Token string
	// Client sends the requests.
	Client *http.Client
}

// nodeReport is what a node says about itself.
type nodeReport struct {
	Address string `json:"address"`
	// Error says why the node gave no answer; empty if it did.
	Error string `json:"error,omitempty"`
	// Node is the answer of /admin/node, Circuits that of /admin/circuits, which only the gateway has.
	Node     json.RawMessage `json:"node,omitempty"`
	Circuits json.RawMessage `json:"circuits,omitempty"`
	// Lag has the partitions of the notification topic that are assigned to the node.
	Lag []client.NodePartition `json:"lag,omitempty"`
}

// get returns the body of a node's answer.
func (n *Nodes) get(ctx context.Context, address, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("the address of the node is invalid: %w", err)
	}
	if n.Token != "" {
		request.Header.Set("Authorization", "Bearer "+n.Token)
	}
	response, err := n.Client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the node does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxNodeAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer of the node broke off: %w", err)
	case len(body) > maxNodeAnswer:
		return nil, errLargeBody
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w %s%s", errNodeAnswer, response.Status, hint(response.StatusCode))
	}
	return body, nil
}

// hint returns the next step for a status of an admin route.
func hint(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return ": set ADMIN_TOKEN to the token of the services"
	case http.StatusNotFound:
		return ": is this the admin address, and do the services have ADMIN_TOKEN?"
	default:
		return ""
	}
}

// each calls ask for all nodes at the same time and returns the results in the order of the
// addresses.
func each[T any](ctx context.Context, n *Nodes, ask func(ctx context.Context, address string) T) []T {
	addresses := n.Addresses()
	out := make([]T, len(addresses))
	var work sync.WaitGroup
	for i, address := range addresses {
		work.Go(func() { out[i] = ask(ctx, address) })
	}
	work.Wait()
	return out
}

// report asks one node about itself.
func (n *Nodes) report(ctx context.Context, address string) nodeReport {
	r := nodeReport{Address: address}
	node, err := n.get(ctx, address, "/admin/node")
	if err != nil {
		r.Error = err.Error()
		return r
	}
	r.Node = node
	if circuits, err := n.get(ctx, address, "/admin/circuits"); err == nil {
		r.Circuits = circuits
	}
	if metrics, err := n.get(ctx, address, "/metrics"); err == nil {
		r.Lag, _ = client.ParseLag(metrics)
	}
	return r
}

// listNodes responds with the reports of all nodes.
func (s console) listNodes(w http.ResponseWriter, r *http.Request) {
	respond(w, each(r.Context(), s.Nodes, s.Nodes.report))
}

// nodeConfig is the settings of one node.
type nodeConfig struct {
	Address  string          `json:"address"`
	Error    string          `json:"error,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
}

// listConfig responds with the settings of all nodes, which have redacted their secrets.
func (s console) listConfig(w http.ResponseWriter, r *http.Request) {
	respond(w, each(r.Context(), s.Nodes, func(ctx context.Context, address string) nodeConfig {
		body, err := s.Nodes.get(ctx, address, "/admin/config")
		if err != nil {
			return nodeConfig{Address: address, Error: err.Error()}
		}
		return nodeConfig{Address: address, Settings: body}
	}))
}

// listMetrics responds with a sample of the metrics of all nodes.
func (s console) listMetrics(w http.ResponseWriter, r *http.Request) {
	respond(w, each(r.Context(), s.Nodes, s.Nodes.sample))
}
