package console

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// lagMetric is the metric of a node with the lag of each of its partitions.
const lagMetric = "notification_partition_lag"

// NodePartition is a partition that is assigned to a node, and how many of its records the node has
// not processed yet.
type NodePartition struct {
	Partition int   `json:"partition"`
	Records   int64 `json:"records"`
}

// ParseLag returns the lag of the partitions that are assigned to a node, in their order, from the
// text of its metrics. The gateway has none. It returns an error for another format.
func ParseLag(metrics []byte) ([]NodePartition, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(metrics))
	if err != nil {
		return nil, fmt.Errorf("read the metrics of the node: %w", err)
	}
	var out []NodePartition
	for _, m := range families[lagMetric].GetMetric() {
		for _, label := range m.GetLabel() {
			if partition, err := strconv.Atoi(label.GetValue()); err == nil && label.GetName() == "partition" {
				out = append(out, NodePartition{partition, int64(m.GetGauge().GetValue())})
			}
		}
	}
	slices.SortFunc(out, func(a, b NodePartition) int { return cmp.Compare(a.Partition, b.Partition) })
	return out, nil
}

// Lag returns the lag of the partitions that are assigned to the node, from its metrics.
func (a AdminClient) Lag(ctx context.Context) ([]NodePartition, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+"/metrics", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("build the request: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the node does not respond: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxResponseBytes))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the metrics of the node: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, parseServiceError(resp.StatusCode, raw)
	}
	return ParseLag(raw)
}
