package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/huleedu/edge/domain"
)

// AdminClient asks one node with the operators' token.
type AdminClient struct {
	// URL is the admin address, "http://host:port".
	URL string
	// Token is ADMIN_TOKEN.
	Token domain.Secret
}

// NodeStatus is the answer of /admin/node.
type NodeStatus struct {
	Service      domain.Service     `json:"service"`
	Version      string             `json:"version"`
	Revision     string             `json:"revision"`
	Node         string             `json:"node"`
	Started      time.Time          `json:"started"`
	Environment  domain.Environment `json:"environment"`
	Ready        bool               `json:"ready"`
	Dependencies map[string]struct {
		Status domain.Condition `json:"status"`
		Note   string           `json:"note"`
	} `json:"dependencies"`
	Limits map[string]int64 `json:"limits"`
	Counts map[string]int64 `json:"counts"`
}

// adminTimeout limits one request to a node.
const adminTimeout = 5 * time.Second

// Node returns the state of the node. It returns a *ServiceError when the node refuses.
func (a AdminClient) Node(ctx context.Context) (NodeStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	var s NodeStatus
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+"/admin/node", http.NoBody)
	if err != nil {
		return s, fmt.Errorf("build the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+a.Token.Reveal())
	err = doRequest("the node", req, &s)
	return s, err
}
