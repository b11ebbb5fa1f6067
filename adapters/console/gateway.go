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

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 8 << 20

// Gateway is a client of the API gateway in one caller's name.
type Gateway struct {
	// URL is the gateway's address, "http://host:port".
	URL string
	// Token is sent as a bearer token.
	Token string
}

// Receipt is the gateway's answer to a pipeline that was accepted.
type Receipt struct {
	Status        string `json:"status"`
	Message       string `json:"message"`
	BatchID       string `json:"batch_id"`
	CorrelationID string `json:"correlation_id"`
}

// Progress is what the gateway says of a batch.
type Progress struct {
	Status  string `json:"status"`
	Details struct {
		CurrentPhase     string `json:"current_phase"`
		EssayCount       int    `json:"essay_count"`
		CompletedEssays  int    `json:"completed_essay_count"`
		FailedEssayCount int    `json:"failed_essay_count"`
	} `json:"details"`
}

// Done reports whether the batch will not change any more by itself.
func (p Progress) Done() bool {
	switch domain.ClientStatus(p.Status) {
	case domain.CompletedSuccessfully, domain.CompletedWithFailures, domain.Failed, domain.Cancelled:
		return true
	default:
		return false
	}
}

// StartPipeline asks for a pipeline on a batch. It returns an *Answer for
// whatever is not accepted.
func (g Gateway) StartPipeline(ctx context.Context, batch, pipeline string) (Receipt, error) {
	var r Receipt
	body := map[string]string{"batch_id": batch, "requested_pipeline": pipeline}
	err := g.call(ctx, http.MethodPost, "/v1/batches/"+url.PathEscape(batch)+"/pipelines", body, &r)
	return r, err
}

// Status asks how a batch does.
func (g Gateway) Status(ctx context.Context, batch string) (Progress, error) {
	var p Progress
	err := g.call(ctx, http.MethodGet, "/v1/batches/"+url.PathEscape(batch)+"/status", nil, &p)
	return p, err
}

func (g Gateway) call(ctx context.Context, method, path string, body, into any) error {
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
	return receive(req, into)
}

func receive(req *http.Request, into any) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the gateway does not answer: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("the gateway's answer broke off: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return readAnswer(resp.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the gateway's answer is no JSON: %w", err)
	}
	return nil
}
