package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/huleedu/edge/domain"
)

// maxResponseBytes limits how many bytes of a response are read.
const maxResponseBytes = 8 << 20

// GatewayClient calls the API gateway with the token of one user.
type GatewayClient struct {
	// URL is the gateway's address, "http://host:port".
	URL string
	// Token is sent as a bearer token.
	Token string
}

// PipelineResponse is the gateway's response to an accepted pipeline request.
type PipelineResponse struct {
	Status        string `json:"status"`
	Message       string `json:"message"`
	BatchID       string `json:"batch_id"`
	CorrelationID string `json:"correlation_id"`
}

// BatchStatus is the gateway's response to a batch status request.
type BatchStatus struct {
	Status  string `json:"status"`
	Details struct {
		CurrentPhase     string `json:"current_phase"`
		EssayCount       int    `json:"essay_count"`
		CompletedEssays  int    `json:"completed_essay_count"`
		FailedEssayCount int    `json:"failed_essay_count"`
	} `json:"details"`
}

// Done reports whether the batch has reached a final status.
func (s BatchStatus) Done() bool {
	switch domain.ClientStatus(s.Status) {
	case domain.CompletedSuccessfully, domain.CompletedWithFailures, domain.Failed, domain.Cancelled:
		return true
	default:
		return false
	}
}

// StartPipeline starts a pipeline on a batch. It returns a *ServiceError when the
// gateway rejects the request.
func (g GatewayClient) StartPipeline(ctx context.Context, batch, pipeline string) (PipelineResponse, error) {
	var r PipelineResponse
	body := map[string]string{"batch_id": batch, "requested_pipeline": pipeline}
	err := g.send(ctx, http.MethodPost, "/v1/batches/"+url.PathEscape(batch)+"/pipelines", body, &r)
	return r, err
}

// Status returns the status of a batch. It returns a *ServiceError when the
// gateway rejects the request.
func (g GatewayClient) Status(ctx context.Context, batch string) (BatchStatus, error) {
	var s BatchStatus
	err := g.send(ctx, http.MethodGet, "/v1/batches/"+url.PathEscape(batch)+"/status", nil, &s)
	return s, err
}

func (g GatewayClient) send(ctx context.Context, method, path string, body, into any) error {
	var payload io.Reader
	if body != nil {
		raw, err := domain.EncodeJSON(body)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		payload = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, g.URL+path, payload)
	if err != nil {
		return fmt.Errorf("build the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+g.Token)
	req.Header.Set("Content-Type", "application/json")
	return doRequest("the gateway", req, into)
}

// doRequest sends the request and decodes the JSON of a success. whom is who is asked, for errors.
func doRequest(whom string, req *http.Request, into any) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s does not respond: %w", whom, err)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxResponseBytes))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("read the response of %s: %w", whom, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return parseServiceError(resp.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decode the response of %s: %w", whom, err)
	}
	return nil
}
