package e2e_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/frames"
)

// textReader reads what a connection receives, whatever its transport.
type textReader interface {
	// read returns the next frame, or the *closedError with which the service has ended the
	// connection, or another error when nothing arrives within the time.
	read(within time.Duration) (string, error)
}

// closedError is the error of a connection that the service has ended.
type closedError struct {
	code   int
	reason string
}

func (e *closedError) Error() string { return fmt.Sprintf("closed with %d %s", e.code, e.reason) }

// receiver checks what a connection receives.
type receiver struct{ textReader }

// frame is a message of the service.
type frame struct {
	Event string         `json:"event"`
	Data  map[string]any `json:"data"`
	ID    string         `json:"id"`
}

// text waits for the next frame.
func (r receiver) text(t *testing.T) string {
	t.Helper()
	text, err := r.read(waitLimit)
	require.NoError(t, err)
	return text
}

// contract is what frames are held against.
var contract = sync.OnceValue(frames.Load)

// next waits for the next message, which must match the AsyncAPI document.
func (r receiver) next(t *testing.T) frame {
	t.Helper()
	var f frame
	text := r.text(t)
	require.NoError(t, json.Unmarshal([]byte(text), &f), text)
	contract().Check(t, []byte(text))
	return f
}

// reason is the reason of a close.
type reason struct {
	Code        string `json:"error_code"`
	Message     string `json:"message"`
	Correlation string `json:"correlation_id"`
}

// closed waits for the close. The test fails if another frame arrives before.
func (r receiver) closed(t *testing.T) (code int, raw string) {
	t.Helper()
	text, err := r.read(waitLimit)
	var end *closedError
	require.ErrorAs(t, err, &end, text)
	return end.code, end.reason
}

// closedBecause waits for a close with the code and returns its reason.
func (r receiver) closedBecause(t *testing.T, code int) reason {
	t.Helper()
	got, raw := r.closed(t)
	require.Equal(t, code, got, raw)
	require.LessOrEqual(t, len(raw), 123)
	var why reason
	require.NoError(t, json.Unmarshal([]byte(raw), &why), raw)
	return why
}
