package httpserver

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

// slowClient is a client's side that remembers its deadlines and, when told,
// takes nothing more.
type slowClient struct {
	http.ResponseWriter
	deadlines []time.Time
	stuck     error
}

func (s *slowClient) SetWriteDeadline(t time.Time) error {
	s.deadlines = append(s.deadlines, t)
	return nil
}

func (s *slowClient) Write(p []byte) (int, error) {
	if s.stuck != nil {
		return 0, s.stuck
	}
	return len(p), nil
}

// TestClientsThatTakeNothingAreCut: each piece has 30 s, set at most once a
// second, and never more than is left of the whole.
func TestClientsThatTakeNothingAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &slowClient{ResponseWriter: httptest.NewRecorder()}
		c, _ := gin.CreateTestContext(client)
		began := time.Now()
		r := &relay{c: c, site: &site{}, patience: began.Add(90 * time.Second)}
		write := func() {
			_, err := r.Write([]byte("x"))
			require.NoError(t, err)
		}
		write()
		write()
		require.Equal(t, []time.Time{began.Add(30 * time.Second)}, client.deadlines)
		wait(t, 2*time.Second)
		write()
		require.Equal(t, began.Add(32*time.Second), client.deadlines[1])
		wait(t, 68*time.Second)
		write()
		require.Equal(t, began.Add(90*time.Second), client.deadlines[2])
		require.False(t, r.unwanted)
		client.stuck = errors.New("deadline")
		_, err := r.Write([]byte("x"))
		require.Error(t, err)
		require.True(t, r.unwanted)
	})
}

// wait lets the bubble's clock run.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
