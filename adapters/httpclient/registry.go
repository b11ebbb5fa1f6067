package httpclient

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// maxStatus is the highest status code with a class in HTTP.
const maxStatus = 599

var (
	errInvalidStatus = errors.New("status is outside of 200 to 599")
	errNotJSON       = errors.New("not JSON")
)

// registryTimeout bounds the registration of a batch, and the setting of its prompt.
const registryTimeout = 30 * time.Second

// registrationBody is the request body for a new batch. It always has every member.
type registrationBody struct {
	Count        int               `json:"expected_essay_count"`
	EssayIDs     []string          `json:"essay_ids"`
	CourseCode   domain.CourseCode `json:"course_code"`
	PromptRef    *domain.PromptRef `json:"student_prompt_ref"`
	User         domain.UserID     `json:"user_id"`
	Org          *string           `json:"org_id"`
	ClassID      *string           `json:"class_id"`
	Model        *string           `json:"cj_default_llm_model"`
	Temperature  *float64          `json:"cj_default_temperature"`
	AssignmentID *string           `json:"assignment_id"` // always null: clients cannot set it
}

// Register registers a new batch of the caller at the orchestrator and returns its response,
// whatever the status.
func (b *PlatformClient) Register(ctx context.Context, caller domain.Caller, r domain.Registration) (ports.Passthrough, error) {
	body := registrationBody{
		Count: r.EssayCount, EssayIDs: r.EssayIDs, CourseCode: r.CourseCode, PromptRef: r.PromptRef,
		User: caller.User, ClassID: r.ClassID, Model: r.Model, Temperature: r.Temperature,
	}
	if caller.Org != "" {
		body.Org = &caller.Org
	}
	return b.send(ctx, body, call{
		operation: "batch_register", method: http.MethodPost, caller: caller, endpoint: "/v1/batches/register",
	})
}

// SetPrompt sets the prompt of a batch at the orchestrator and returns its response, whatever
// the status.
func (b *PlatformClient) SetPrompt(ctx context.Context, caller domain.Caller, batch domain.BatchID, prompt domain.PromptRef) (ports.Passthrough, error) {
	body := struct {
		PromptRef domain.PromptRef `json:"student_prompt_ref"`
	}{prompt}
	return b.send(ctx, body, call{
		operation: "batch_prompt", method: http.MethodPatch, caller: caller, batch: batch,
		endpoint: "/v1/batches/{batch_id}/prompt", ids: []string{string(batch)},
	})
}

// send makes a call and returns the response, whatever its status. A body that is not JSON is
// an INVALID_RESPONSE.
func (b *PlatformClient) send(ctx context.Context, document any, c call) (ports.Passthrough, error) {
	if b.orchestrator == nil {
		return ports.Passthrough{}, domain.Unavailable(orchestratorName, 0)
	}
	body, err := domain.EncodeJSON(document)
	if err != nil {
		return ports.Passthrough{}, domain.Unknown(err).WithOp("httpclient.send")
	}
	c.body, c.timeout, c.keepAllBodies = body, registryTimeout, true
	a, err := b.orchestrator.do(ctx, c)
	switch {
	case err != nil:
		return ports.Passthrough{}, err
	case a.status > maxStatus:
		return ports.Passthrough{}, domain.MalformedResponse(orchestratorName, errInvalidStatus)
	case !json.Valid(a.body):
		return ports.Passthrough{}, domain.MalformedResponse(orchestratorName, errNotJSON)
	}
	return ports.Passthrough{Status: a.status, ContentType: jsonType(a.contentType), RetryAfter: a.retryAfter, Body: a.body}, nil
}

// jsonType returns the declared media type if it is one of JSON, else application/json, so
// that browsers do not interpret the body as something else.
func jsonType(declared string) string {
	media, _, err := mime.ParseMediaType(declared)
	if err == nil && strings.HasPrefix(media, "application/") && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return declared
	}
	return "application/json"
}
