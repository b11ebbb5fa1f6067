package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/console"
	"github.com/huleedu/edge/domain"
)

func (t tool) nodesCommand() *cobra.Command {
	var nodes []string
	c := &cobra.Command{
		Use:   "nodes",
		Short: "Ask nodes for their version, readiness, limits and load",
		Long: "Ask the admin address of each node (API_GATEWAY_ADMIN_ADDR, WEBSOCKET_ADMIN_ADDR). ADMIN_TOKEN, from this\n" +
			"process or .env, must be that of the nodes. LAG is the number of records that wait on Kafka, and of each partition\n" +
			"that the node has, from its metrics. The exit code is 1 if a node is not ready or does not answer.",
		Example: "  ADMIN_TOKEN=... edge nodes --nodes 10.0.0.7:9090,10.0.0.8:9090",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return t.nodes(c.Context(), nodes) },
	}
	c.Flags().StringSliceVar(&nodes, "nodes", nil, "admin addresses, host:port or a URL, separated by commas; default: EDGE_NODES")
	return c
}

// nodeAnswer is what one node said.
type nodeAnswer struct {
	Address string              `json:"address"`
	Error   string              `json:"error,omitempty"`
	Node    *console.NodeStatus `json:"node,omitempty"`
	// Lag has the partitions that are assigned to a node of the notification service.
	Lag []console.NodePartition `json:"lag,omitempty"`
}

func (t tool) nodes(ctx context.Context, addresses []string) error {
	vars, err := t.serviceVars()
	if err != nil {
		return err
	}
	if len(addresses) == 0 && vars["EDGE_NODES"] != "" {
		addresses = strings.Split(vars["EDGE_NODES"], ",")
	}
	if len(addresses) == 0 {
		return usagef("--nodes is missing: name the admin addresses of the nodes, such as 127.0.0.1:9090")
	}
	if vars["ADMIN_TOKEN"] == "" {
		return usagef("ADMIN_TOKEN is not set: set it to the ADMIN_TOKEN of the nodes")
	}
	answers := make([]nodeAnswer, len(addresses))
	for i, address := range addresses {
		if !strings.Contains(address, "://") {
			address = "http://" + address
		}
		if err := checkURL("--nodes", address, "http", "https"); err != nil {
			return err
		}
		answers[i].Address = strings.TrimSuffix(address, "/")
	}
	askNodes(ctx, answers, domain.Secret(vars["ADMIN_TOKEN"]))
	return t.printNodes(answers)
}

// askNodes asks all nodes at the same time.
func askNodes(ctx context.Context, answers []nodeAnswer, token domain.Secret) {
	defer http.DefaultClient.CloseIdleConnections()
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			node := console.AdminClient{URL: answers[i].Address, Token: token}
			status, err := node.Node(ctx)
			if err != nil {
				answers[i].Error = err.Error()
				return
			}
			answers[i].Node = &status
			answers[i].Lag, _ = node.Lag(ctx) // empty while ENABLE_METRICS is false
		})
	}
	group.Wait()
}

// printNodes prints the answers. It returns errReported if a node is not ready.
func (t tool) printNodes(answers []nodeAnswer) error {
	var failed error
	rows := make([][]string, 0, len(answers))
	for _, a := range answers {
		if a.Node == nil || !a.Node.Ready {
			failed = errReported
		}
		rows = append(rows, t.nodeRow(a))
	}
	if *t.json {
		for _, a := range answers {
			if err := t.writeJSON(a); err != nil {
				return err
			}
		}
		return failed
	}
	t.printTable([]string{"ADDRESS", "STATE", "SERVICE", "NODE", "VERSION", "UP", "LAG", "IN USE", "TROUBLE"}, rows)
	return failed
}

func (t tool) nodeRow(a nodeAnswer) []string {
	if a.Node == nil {
		text, _, _ := strings.Cut(a.Error, "\n")
		return []string{a.Address, t.paint(red, "no answer"), "-", "-", "-", "-", "-", "-", text}
	}
	state := t.paint(green, "ready    ")
	if !a.Node.Ready {
		state = t.paint(red, "not ready")
	}
	var counts, trouble []string
	for _, name := range slices.Sorted(maps.Keys(a.Node.Counts)) {
		if limit, bounded := a.Node.Limits[name]; bounded {
			counts = append(counts, fmt.Sprintf("%s=%d/%d", name, a.Node.Counts[name], limit))
			continue
		}
		counts = append(counts, fmt.Sprintf("%s=%d", name, a.Node.Counts[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Node.Dependencies)) {
		if d := a.Node.Dependencies[name]; d.Status != domain.Healthy {
			trouble = append(trouble, fmt.Sprintf("%s %s (%s)", name, d.Status, d.Note))
		}
	}
	up := time.Since(a.Node.Started).Round(time.Second).String()
	return []string{a.Address, state, string(a.Node.Service), a.Node.Node, a.Node.Version, up, formatLag(a), strings.Join(counts, " "), strings.Join(trouble, "; ")}
}

// formatLag formats the lag of a node as "7 (0: 7, 1: 0)"; "-" for the gateway.
func formatLag(a nodeAnswer) string {
	if a.Node.Service == domain.GatewayService {
		return "-"
	}
	if len(a.Lag) == 0 {
		return "no partitions"
	}
	var sum int64
	parts := make([]string, len(a.Lag))
	for i, l := range a.Lag {
		sum += l.Records
		parts[i] = fmt.Sprintf("%d: %d", l.Partition, l.Records)
	}
	return fmt.Sprintf("%d (%s)", sum, strings.Join(parts, ", "))
}
